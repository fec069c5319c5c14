package peers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
)

// everything connects a session to server-everything. The session is closed at the end of the test.
func everything(t *testing.T, h mcpclient.Handlers) *mcpclient.Session {
	t.Helper()
	s, err := mcpclient.Connect(t.Context(), peer.StartEverything(t).URL, &mcpclient.Options{Handlers: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// says calls a tool that must succeed, and returns the text of its result.
func says(t *testing.T, s *mcpclient.Session, tool string, args any, opts ...mcpclient.CallOption) string {
	t.Helper()
	result, err := s.CallTool(t.Context(), tool, args, opts...)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, item := range result.Content {
		if text, ok := item.(mcp.TextContent); ok {
			texts = append(texts, text.Text)
		}
	}
	text := strings.Join(texts, "\n")
	if result.IsError {
		t.Fatalf("%s failed: %s", tool, text)
	}
	return text
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
}

// raw returns the result that server-everything received from the client. The server echoes it in
// text.
func raw(t *testing.T, text string) map[string]any {
	t.Helper()
	_, shown, found := strings.Cut(text, "Raw result: ")
	var result map[string]any
	if err := json.Unmarshal([]byte(shown), &result); !found || err != nil {
		t.Fatalf("no raw result in %q: %v", text, err)
	}
	return result
}

// fill fills in the form of server-everything with the default values of the form, test values, and
// options chosen by title.
func fill(r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	content := r.Form.Defaults()
	for name, value := range map[string]any{
		"name": "Ada Lövelace", "check": true, "email": "ada@example.com", "homepage": "https://example.com/ada", "birthdate": "1815-12-10",
		"integer": 7, "untitledMultipleSelectEnum": []string{"Piano", "Violin"},
	} {
		content[name] = value
	}
	for name, title := range map[string]string{"titledSingleSelectEnum": "Wonder Woman", "legacyTitledEnum": "Fish"} {
		for _, field := range r.Form.Fields {
			for _, option := range field.Options {
				if field.Name == name && option.Title == title {
					content[name] = option.Value
				}
			}
		}
	}
	return mcpclient.AcceptElicitation(content), r.Form.Validate(content)
}

// The user accepts, declines and cancels a form that has a field of every kind.
func TestEverythingElicitsAForm(t *testing.T) {
	answers := make(chan *mcp.ElicitationResult, 2)
	answers <- mcpclient.DeclineElicitation()
	answers <- mcpclient.CancelElicitation()
	s := everything(t, mcpclient.Handlers{
		ElicitForm: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			select {
			case answer := <-answers:
				return answer, nil
			default:
				return fill(r)
			}
		},
	})
	const tool = "trigger-elicitation-request"
	for _, action := range []string{"decline", "cancel"} {
		if got := raw(t, says(t, s, tool, nil)); got["action"] != action || got["content"] != nil {
			t.Errorf("the server got %v, expected %s", got, action)
		}
	}
	text := says(t, s, tool, nil)
	contains(t, text, "- Name: Ada Lövelace", "- Agreed to terms: true", "- Email: ada@example.com", "- Favorite Integer: 7", "- Favorite Number: 3.14")
	want := map[string]any{
		"name": "Ada Lövelace", "check": true, "email": "ada@example.com", "homepage": "https://example.com/ada", "birthdate": "1815-12-10",
		"integer": 7.0, "number": 3.14, "firstLine": "It was a dark and stormy night.", "untitledSingleSelectEnum": "Monica",
		"untitledMultipleSelectEnum": []any{"Piano", "Violin"}, "titledSingleSelectEnum": "hero-3",
		"titledMultipleSelectEnum": []any{"fish-1"}, "legacyTitledEnum": "pet-4",
	}
	if got := raw(t, text); got["action"] != "accept" || fmt.Sprint(got["content"]) != fmt.Sprint(want) {
		t.Errorf("the server got %v, expected %v", got, want)
	}
}

// A server can request a URL elicitation in two ways: with a request, or by refusing a call with an
// error that names the URL.
func TestEverythingElicitsAURL(t *testing.T) {
	visited := make(chan string, 4)
	s := everything(t, mcpclient.Handlers{
		ElicitURL: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			visited <- r.URL.String()
			return mcpclient.AcceptElicitation(nil), nil
		},
	})
	const page = "https://example.com/start?a=b"
	args := map[string]any{"url": page, "elicitationId": "visit-1", "errorPath": true}
	_, err := s.CallTool(t.Context(), "trigger-url-elicitation", args)
	pages, unsafe := mcpclient.RequiredElicitations(err)
	if len(pages) != 1 || unsafe != nil {
		t.Fatalf("the error requires %v, %v: %v", pages, unsafe, err)
	}
	contains(t, says(t, s, "trigger-url-elicitation", args), "Elicitation ID: visit-1", "URL: "+page)
	if first, second := <-visited, <-visited; first != pages[0].URL.String() || second != page || len(visited) > 0 {
		t.Errorf("visited %s, then %s", first, second)
	}
}

func TestEverythingSamples(t *testing.T) {
	s := everything(t, mcpclient.Handlers{
		Sample: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
			if len(r.Messages) != 1 || r.MaxTokens != 17 || !r.HasTemperature {
				return nil, fmt.Errorf("sampling request: %s", r.Raw)
			}
			content, ok := r.Messages[0].Content.(mcp.TextContent)
			if !ok {
				return nil, fmt.Errorf("sampling request with content of type %T", r.Messages[0].Content)
			}
			return &mcp.CreateMessageResult{
				SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: mcp.NewTextContent("you said: " + content.Text)},
				Model:           "model-1",
			}, nil
		},
	})
	contains(t, says(t, s, "trigger-sampling-request", map[string]any{"prompt": "what is it?", "maxTokens": 17}),
		`"model": "model-1"`, "you said: ", "what is it?")
}

// server-everything requests the roots on the shared stream, which has to be open before the first
// call. The server requests the roots again when it is notified of a change.
func TestEverythingListsRoots(t *testing.T) {
	asked := make(chan struct{}, 8)
	roots := make(chan []mcp.Root, 1)
	roots <- []mcp.Root{{URI: "file:///srv/one", Name: "one"}}
	s := everything(t, mcpclient.Handlers{
		Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
			asked <- struct{}{}
			now := <-roots
			roots <- now
			return now, nil
		},
	})
	contains(t, says(t, s, "get-roots-list", nil), "Current MCP Roots (1 total)", "1. one", "URI: file:///srv/one")
	<-roots
	roots <- []mcp.Root{{URI: "file:///srv/two", Name: "two"}, {URI: "file:///srv/three"}}
	for len(asked) > 0 {
		<-asked
	}
	if err := s.RootsChanged(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, asked, "the roots request after the change")
	for range 100 { // the tool returns the roots that the server knows, and does not wait for new ones
		if text := says(t, s, "get-roots-list", nil); strings.Contains(text, "(2 total)") {
			contains(t, text, "1. two", "2. Unnamed Root", "URI: file:///srv/three")
			return
		}
	}
	t.Error("the server did not update its roots")
}

// within returns the next value of a channel. It fails the test if none arrives.
func within[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(time.Minute): // only a failing test waits this long
		t.Fatalf("timed out waiting for %s", what)
	}
	return v
}

func TestEverythingCompletes(t *testing.T) {
	s := everything(t, mcpclient.Handlers{})
	for want, params := range map[string]mcp.CompleteParams{
		"[Sales Support]": {Ref: mcpclient.PromptRef("completable-prompt"), Argument: mcp.CompleteArgument{Name: "department", Value: "S"}},
		"[David]": {
			Ref: mcpclient.PromptRef("completable-prompt"), Argument: mcp.CompleteArgument{Name: "name", Value: "D"},
			Context: mcp.CompleteContext{Arguments: map[string]string{"department": "Sales"}},
		},
		"[12]": {Ref: mcpclient.TemplateRef("demo://resource/dynamic/text/{resourceId}"), Argument: mcp.CompleteArgument{Name: "resourceId", Value: "12"}},
		"[]":   {Ref: mcpclient.TemplateRef("demo://resource/dynamic/text/{resourceId}"), Argument: mcp.CompleteArgument{Name: "resourceId", Value: "x"}},
	} {
		completed, err := s.Complete(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(completed.Completion.Values); got != want {
			t.Errorf("completed %v with %s, expected %s", params, got, want)
		}
	}
}

// Each resource template gives the URI of a resource that can be read, as text or as bytes.
func TestEverythingHasTemplates(t *testing.T) {
	s := everything(t, mcpclient.Handlers{})
	templates := 0
	for template, err := range s.ResourceTemplates(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		uri, err := template.Expand(map[string]any{"resourceId": "3"})
		if err != nil {
			t.Fatal(err)
		}
		read, err := s.ReadResource(t.Context(), uri)
		if err != nil || len(read.Contents) != 1 {
			t.Fatalf("%s: %v, %v", uri, read, err)
		}
		switch contents := read.Contents[0].(type) {
		case mcp.TextResourceContents:
			contains(t, contents.Text, "Resource 3:")
		case mcp.BlobResourceContents:
			contains(t, contents.MIMEType, "text/plain")
		default:
			t.Errorf("%s contains a %T", uri, contents)
		}
		templates++
	}
	if templates != 2 {
		t.Errorf("%d templates", templates)
	}
}

type weather struct {
	Temperature float64 `json:"temperature"`
	Conditions  string  `json:"conditions"`
	Humidity    float64 `json:"humidity"`
}

func TestEverythingTypedCall(t *testing.T) {
	s := everything(t, mcpclient.Handlers{})
	got, err := mcpclient.Call[map[string]string, weather](t.Context(), s, "get-structured-content", map[string]string{"location": "Chicago"})
	if err != nil || got != (weather{36, "Light rain / drizzle", 82}) {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = mcpclient.Call[map[string]string, weather](t.Context(), s, "get-structured-content", map[string]string{"location": "Atlantis"})
	var failed *mcpclient.ToolError
	if mcpclient.KindOf(err) != mcpclient.KindTool || !errors.As(err, &failed) {
		t.Errorf("expected the server to refuse the argument, got %v", err)
	}
}

func TestEverythingReportsProgress(t *testing.T) {
	s := everything(t, mcpclient.Handlers{})
	var got []float64
	text := says(t, s, "trigger-long-running-operation", map[string]any{"duration": 0.5, "steps": 5},
		mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) { got = append(got, p.Progress/p.Total) }))
	contains(t, text, "Long running operation completed")
	if !slices.Equal(got, []float64{0.2, 0.4, 0.6, 0.8, 1}) {
		t.Errorf("got progress %v", got)
	}
}

// A subscription delivers updates of its resource until it is closed.
func TestEverythingUpdatesResources(t *testing.T) {
	s := everything(t, mcpclient.Handlers{})
	const uri = "demo://resource/dynamic/text/1"
	sub, err := s.Listen(t.Context(), mcpclient.Filter{ToolsChanged: true, Resources: []string{uri}})
	if err != nil {
		t.Fatal(err)
	}
	if honored := sub.Honored(); !honored.ToolsChanged || !slices.Equal(honored.Resources, []string{uri}) {
		t.Fatalf("the server honored %+v", honored)
	}
	events := make(chan mcpclient.ListenEvent, 8)
	go func() {
		defer close(events)
		for ev := range sub.Events() {
			events <- ev
		}
	}()
	says(t, s, "toggle-subscriber-updates", nil)
	if ev := within(t, events, "an update"); ev != (mcpclient.ListenEvent{Kind: mcpclient.ListenResourceUpdated, URI: uri}) {
		t.Errorf("got event %+v", ev)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	for range events { // drain the remaining events
	}
	var end *mcpclient.ListenError
	if !errors.As(sub.Err(), &end) || end.Reason != mcpclient.EndClosed {
		t.Errorf("the subscription ended with %v", sub.Err())
	}
	echoes(t, s, "a resource update after Close")
}
