package otelmcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// equip gives the server something to answer every kind of message with.
func equip(srv *mcptest.Server) {
	srv.Resources = []mcptest.Resource{{URI: "file:///a", Name: "a", Text: "text"}}
	srv.Prompts = []mcptest.Prompt{{Name: "greet", Text: "Hello."}}
	srv.Complete = func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"completion":{"values":["x"]}}`), nil
	}
	form := map[string]any{"message": "Milk?", "requestedSchema": json.RawMessage(`{"type":"object","properties":{}}`)}
	srv.Tools = append(srv.Tools, &mcptest.Tool{Name: "ask", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
		_, pending, err := c.RequestInput(ctx, "milk", "elicitation/create", form)
		if err != nil || pending != nil {
			return pending, err
		}
		return mcptest.Text("asked"), nil
	}}, &mcptest.Tool{Name: "hang", Run: func(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
}

// handlers are those that need a shared stream and answer server requests.
func handlers() mcpclient.Handlers {
	return mcpclient.Handlers{
		ToolsChanged: func(context.Context, *mcpclient.Session) {},
		Roots:        func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil },
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.DeclineElicitation(), nil
		},
	}
}

// sendEverything makes a session send every kind of message that it can, and closes it. Nothing of it
// fails, except one call that the caller gives up.
func (w *world) sendEverything(ctx context.Context, s *mcpclient.Session) {
	w.Helper()
	do := func(_ any, err error) {
		w.Helper()
		require.NoError(w, err)
	}
	each(w, s.Tools(ctx))
	each(w, s.Prompts(ctx))
	each(w, s.Resources(ctx))
	each(w, s.ResourceTemplates(ctx))
	do(s.CallTool(ctx, "echo", nil))
	do(s.CallTool(ctx, "ask", nil))
	do(s.GetPrompt(ctx, "greet", nil))
	do(s.ReadResource(ctx, "file:///a"))
	do(s.Complete(ctx, mcp.CompleteParams{Ref: mcpclient.PromptRef("greet"), Argument: mcp.CompleteArgument{Name: "name", Value: "x"}}))
	do(nil, s.SetLogLevel(ctx, mcp.LoggingLevelInfo))
	do(nil, s.Ping(ctx))
	do(nil, s.RootsChanged(ctx))
	sub, err := s.Listen(ctx, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
	require.NoError(w, err)
	synctest.Wait()
	require.NoError(w, sub.Close())
	w.giveUp(ctx, s)
	w.srv.Refuse = mcptest.Refuse400 // so that a ping finds out whether the session is lost
	w.srv.LoseSessions()
	do(s.CallTool(ctx, "echo", nil))
	synctest.Wait()
	require.NoError(w, s.Close())
}

// each walks over a list.
func each[T any](w *world, list iter.Seq2[T, error]) {
	w.Helper()
	for _, err := range list {
		require.NoError(w, err)
	}
}

// giveUp calls a tool that does not end, and cancels the call.
func (w *world) giveUp(ctx context.Context, s *mcpclient.Session) {
	w.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := s.CallTool(ctx, "hang", nil)
		done <- err
	}()
	synctest.Wait()
	cancel()
	require.Equal(w, mcpclient.KindCanceled, mcpclient.KindOf(<-done))
	synctest.Wait()
}

// sighting says where the server saw the context: of which span the traceparent was, in the header and
// in _meta.
type sighting struct{ header, meta string }

// sightings returns where the server saw the context of each kind of message.
func (w *world) sightings() map[string]sighting {
	w.Helper()
	byID := map[string]*trace.Span{}
	for _, s := range w.spans() {
		byID[spanID(s)] = s
	}
	found := map[string]sighting{}
	for _, r := range w.srv.Requests("") {
		var quoted string
		_ = json.Unmarshal([]byte(r.Meta("traceparent")), &quoted) // "" if it is absent
		seen := sighting{w.spanOf(r.Header.Get("Traceparent"), byID), w.spanOf(quoted, byID)}
		name := r.Method
		switch {
		case name == "response":
			name = "response to a server request"
		case name == "":
			name = r.HTTP
		case seen.meta == "message":
			require.True(w, strings.HasPrefix(byID[strings.Split(quoted, "-")[2]].GetName(), r.Method), "%s: %s", r.Method, quoted)
			require.Equal(w, strings.Split(r.Header.Get("Traceparent"), "-")[1], strings.Split(quoted, "-")[1], "the traces differ")
		}
		if before, again := found[name]; again {
			require.Equal(w, before, seen, name)
		}
		found[name] = seen
	}
	return found
}

// spanOf returns which span a traceparent names: that of a message, or of an exchange.
func (w *world) spanOf(traceparent string, byID map[string]*trace.Span) string {
	w.Helper()
	if traceparent == "" {
		return "none"
	}
	s := byID[strings.Split(traceparent, "-")[2]]
	require.NotNil(w, s, "the server saw a span that was not exported: %s", traceparent)
	if slices.Contains([]string{http.MethodPost, http.MethodGet, http.MethodDelete}, s.GetName()) {
		return "exchange"
	}
	return "message"
}

// The server sees the context of each request and notification in a header and in _meta: of calls,
// lists, the negotiation, recoveries, subscriptions and cancellations. The response to a server
// request has the header only. docs/observability.md has the table. None of the spans has the status
// Error, except that of the call that was given up.
func TestWhatTheServerSees(t *testing.T) {
	guide, err := os.ReadFile("../../docs/observability.md")
	require.NoError(t, err)
	var table strings.Builder
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		seen := map[bool]map[string]sighting{} // by whether exchanges have spans
		for _, exchanges := range []bool{true, false} {
			in(t, era, ways[0], func(w *world) {
				equip(w.srv)
				w.bare = !exchanges
				member, err := baggage.NewMember("agent", "seven")
				require.NoError(w, err)
				bag, err := baggage.New(member)
				require.NoError(w, err)
				w.turn(func(ctx context.Context) {
					ctx = baggage.ContextWithBaggage(ctx, bag)
					s, err := w.tryConnect(ctx, mcpclient.Options{Handlers: handlers()})
					require.NoError(w, err)
					w.sendEverything(ctx, s)
				})
				seen[exchanges] = w.sightings()
				for _, r := range w.srv.Requests("tools/call") {
					require.Equal(w, []string{"agent=seven", `"agent=seven"`}, []string{r.Header.Get("Baggage"), r.Meta("baggage")})
				}
				for _, s := range w.spans() {
					if s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR {
						require.Equal(w, "tools/call hang", s.GetName())
					}
				}
			})
		}
		for _, name := range slices.Sorted(maps.Keys(seen[true])) {
			with, without := seen[true][name], seen[false][name]
			fmt.Fprintf(&table, "| %s | %s | %s | %s | %s |\n", era, name, with.meta, with.header, without.header)
			require.Equal(t, with.meta, without.meta)
			if name != http.MethodGet && name != http.MethodDelete {
				require.Equal(t, sighting{"exchange", with.meta}, with)
				require.Equal(t, "message", without.header)
				require.Equal(t, name == "response to a server request", with.meta == "none", name)
			}
		}
	}
	t.Log("\n" + table.String())
	require.Contains(t, string(guide), table.String())
}
