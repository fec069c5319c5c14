package interop_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// connectAsked connects a session whose handlers answer server requests. A legacy server may send
// its requests on the shared stream, so connectAsked waits until the shared stream is open.
func connectAsked(t *testing.T, p peer, f *front, h mcpclient.Handlers) *mcpclient.Session {
	t.Helper()
	s := connect(t, f, &mcpclient.Options{Handlers: h})
	if legacy(p) {
		f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.stream })
	}
	return s
}

// ask calls the tool "ask" and returns the answers as the server received them.
func ask(t *testing.T, s *mcpclient.Session, args asked) (map[string]json.RawMessage, error) {
	t.Helper()
	result, err := s.CallTool(limit(t), "ask", args)
	if err != nil {
		return nil, err
	}
	require.False(t, result.IsError, "%v", result.Content)
	var answers map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(text(t, result)), &answers))
	return answers, nil
}

// answered makes the server send a single request and returns the client's answer.
func answered(t *testing.T, s *mcpclient.Session, what string) string {
	t.Helper()
	answers, err := ask(t, s, asked{What: []string{what}})
	require.NoError(t, err)
	require.Len(t, answers, 1)
	return string(answers[what])
}

// requireRounds checks how the server sent its requests. The client answers each request of a
// legacy server with a response; for a modern server, it repeats the call after each result that
// requires input.
func requireRounds(t *testing.T, p peer, f *front, requests, rounds int) {
	t.Helper()
	responses := f.count(func(r *request) bool { return r.verb == http.MethodPost && r.method == "" })
	calls := f.count(called("tools/call"))
	if legacy(p) {
		require.Equal(t, []int{requests * rounds, 1}, []int{responses, calls})
		return
	}
	require.Equal(t, []int{0, 1 + rounds}, []int{responses, calls})
}

// form returns a handler that returns the next of the answers on each call.
func form(answers ...*mcp.ElicitationResult) func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
	next := make(chan *mcp.ElicitationResult, len(answers))
	for _, answer := range answers {
		next <- answer
	}
	return func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
		select {
		case answer := <-next:
			return answer, nil
		default:
			return nil, errUndecided
		}
	}
}

// A form arrives with all its fields, and the server receives what the user entered or chose.
func TestForms(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitForm: func(ctx context.Context, s *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				if r.Message != "Who are you?" || len(r.Form.Fields) != 7 {
					return nil, fmt.Errorf("got form %q, %v", r.Message, r.Form.Fields)
				}
				if _, err := s.CallTool(ctx, "echo", map[string]any{"text": "meanwhile"}); err != nil {
					return nil, err
				}
				content := r.Form.Defaults()
				content["name"], content["color"], content["tags"] = trickyName, "#0f0", []string{"b", "c"}
				return mcpclient.AcceptElicitation(content), r.Form.Validate(content)
			},
		})
		require.JSONEq(t, `{"action":"accept","content":{"name":"`+trickyName+`","size":"M","color":"#0f0",`+
			`"count":3,"ratio":0.5,"sure":true,"tags":["b","c"]}}`, answered(t, s, askForm))
		require.Equal(t, []string{"echo", "ask"}, []string{<-w.runs, <-w.runs}, "a handler may call the session")
		require.Empty(t, w.runs)
	})
}

const trickyName = "Jörg \U0001F600 </b>"

// The server learns that the user declined or cancelled a form. A form with an invalid value counts
// as cancelled. If the handler fails, so does the call.
func TestFormsNotCompleted(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{ElicitForm: form(mcpclient.DeclineElicitation(), mcpclient.CancelElicitation(),
			mcpclient.AcceptElicitation(map[string]any{"name": "x"}))})
		require.JSONEq(t, `{"action":"decline"}`, answered(t, s, askForm))
		requireRounds(t, p, f, 1, 1)
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askForm))
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askForm), "the name is too short")

		_, err := ask(t, s, asked{What: []string{askForm}})
		require.Error(t, err)
		require.Equal(t, modern(p), mcpclient.KindOf(err) == mcpclient.KindInput, "%v", err)
		requireEcho(t, s)
	})
}

// A URL elicitation arrives as the server sent it. When the elicitation is completed, a legacy
// server notifies the client.
func TestURLElicitation(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		answers := make(chan *mcp.ElicitationResult, 4)
		answers <- mcpclient.DeclineElicitation()
		answers <- mcpclient.CancelElicitation()
		answers <- mcpclient.AcceptElicitation(nil)
		done := make(chan string, 1)
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitURL: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
				if r.URL.String() != elicitedURL || r.Message != "Log in" || r.Warnings != nil {
					return nil, fmt.Errorf("got URL elicitation %q, %v, %v", r.Message, r.URL, r.Warnings)
				}
				return <-answers, nil
			},
			ElicitationComplete: func(_ context.Context, _ *mcpclient.Session, id string) {
				done <- id
				w.seen <- struct{}{}
			},
		})
		require.JSONEq(t, `{"action":"decline"}`, answered(t, s, askURL))
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askURL))
		if modern(p) {
			require.JSONEq(t, `{"action":"accept"}`, answered(t, s, askURL))
			return
		}
		got, err := ask(t, s, asked{What: []string{askURL}, Visited: true})
		require.NoError(t, err)
		require.JSONEq(t, `{"action":"accept"}`, string(got[askURL]))
		require.Equal(t, elicitationID, receive(t, done, "notifications/elicitation/complete"))
	})
}

// A legacy server may refuse a call until a URL elicitation is completed: the user is prompted, and
// the call fails.
func TestURLElicitationRequiredByAnError(t *testing.T) {
	each(t, legacy, func(t *testing.T, p peer, w *world, f *front) {
		visited := make(chan string, 2)
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitURL: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
				visited <- r.URL.String() + " " + r.ElicitationID
				return mcpclient.AcceptElicitation(nil), nil
			},
		})
		_, err := s.CallTool(limit(t), "locked", nil)
		require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)
		pages, unsafe := mcpclient.RequiredElicitations(err)
		require.NoError(t, unsafe)
		require.Len(t, pages, 1)
		require.Equal(t, elicitedURL, pages[0].URL.String())
		require.Equal(t, elicitedURL+" "+elicitationID, receive(t, visited, "the elicitation"))
		require.Empty(t, visited)
		require.Len(t, w.runs, 1)
	})
}

// said returns a sampling result with the given content.
func said(content any) *mcp.CreateMessageResult {
	return &mcp.CreateMessageResult{
		SamplingMessage: mcp.SamplingMessage{Role: mcp.RoleAssistant, Content: content}, Model: "m-1", StopReason: "endTurn",
	}
}

func TestSampling(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			Sample: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				if r.MaxTokens != 10 || r.SystemPrompt != "Be brief." || len(r.Messages) != 1 || r.Tools != nil {
					return nil, fmt.Errorf("unexpected sampling request %s", r.Raw)
				}
				return said(mcp.NewTextContent(trickyName)), nil
			},
		})
		require.JSONEq(t, `{"role":"assistant","content":{"type":"text","text":"`+trickyName+`"},"model":"m-1","stopReason":"endTurn"}`,
			answered(t, s, askSample))
		requireRounds(t, p, f, 1, 1)

		_, err := ask(t, s, asked{What: []string{askTools}})
		require.Error(t, err, "the client did not declare sampling with tools")
		requireEcho(t, s)
	})
}

// A sampling request can offer tools, and the result can use them.
func TestSamplingWithTools(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			SampleWithTools: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				if len(r.Tools) != 1 || r.Tools[0].Name != "look" || r.ToolChoice == nil || r.ToolChoice.Mode != mcp.ToolChoiceModeAuto {
					return nil, fmt.Errorf("unexpected sampling request %s", r.Raw)
				}
				answer := said(mcp.ToolUseContent{Type: "tool_use", ID: "use-1", Name: "look", Input: map[string]any{"at": trickyName}})
				answer.StopReason = "toolUse"
				return answer, nil
			},
		})
		require.JSONEq(t, `{"role":"assistant","content":{"type":"tool_use","id":"use-1","name":"look","input":{"at":"`+trickyName+`"}},`+
			`"model":"m-1","stopReason":"toolUse"}`, answered(t, s, askTools))
	})
}

// If the user rejects a sampling request, the tool fails on a legacy server and the call fails on a
// modern one.
func TestSamplingRejected(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				return nil, mcpclient.ErrRejected
			},
		})
		_, err := ask(t, s, asked{What: []string{askSample}})
		require.Error(t, err)
		if modern(p) {
			require.Equal(t, mcpclient.KindInput, mcpclient.KindOf(err), "%v", err)
			require.ErrorIs(t, err, mcpclient.ErrRejected)
		} else {
			require.Equal(t, mcpclient.KindServer, mcpclient.KindOf(err), "%v", err)
		}
		requireEcho(t, s)
	})
}

// The client returns its roots when the server requests them. It notifies a legacy server when the
// roots change.
func TestRoots(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		roots := make(chan []mcp.Root, 1)
		s := connectAsked(t, p, f, mcpclient.Handlers{
			Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return <-roots, nil },
		})
		roots <- []mcp.Root{{URI: "file:///srv/a%20b", Name: "a b"}, {URI: "file:///srv/c"}}
		require.JSONEq(t, `{"roots":[{"uri":"file:///srv/a%20b","name":"a b"},{"uri":"file:///srv/c"}]}`, answered(t, s, askRoots))
		requireRounds(t, p, f, 1, 1)
		require.NoError(t, s.RootsChanged(limit(t)))
		if legacy(p) {
			receive(t, w.moved, "notifications/roots/list_changed")
		} else {
			require.Zero(t, f.count(called("notifications/roots/list_changed")))
		}
		roots <- nil
		require.JSONEq(t, `{"roots":[]}`, answered(t, s, askRoots))
	})
}

// everything returns handlers that answer every kind of server request.
func everything() mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.AcceptElicitation(map[string]any{"name": "Rob"}), nil
		},
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.AcceptElicitation(nil), nil
		},
		Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
			return said(mcp.NewTextContent("42")), nil
		},
		Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
			return []mcp.Root{{URI: "file:///srv"}}, nil
		},
	}
}

// A call may require several inputs at once.
func TestSeveralServerRequestsInOneCall(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, everything())
		what := []string{askForm, askURL, askSample, askRoots}
		answers, err := ask(t, s, asked{What: what})
		require.NoError(t, err)
		require.Len(t, answers, len(what))
		require.Contains(t, string(answers[askForm]), "Rob")
		require.JSONEq(t, `{"action":"accept"}`, string(answers[askURL]))
		require.Contains(t, string(answers[askSample]), "42")
		require.JSONEq(t, `{"roots":[{"uri":"file:///srv"}]}`, string(answers[askRoots]))
		requireRounds(t, p, f, len(what), 1)
		require.Equal(t, "ask", <-w.runs)
		require.Empty(t, w.runs)
	})
}

// A call may require input repeatedly. The client returns the request state unchanged each time.
func TestRounds(t *testing.T) {
	each(t, func(p peer) bool { return !p.oneRound }, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, everything())
		_, err := ask(t, s, asked{What: []string{askForm, askRoots}, Rounds: 4})
		require.NoError(t, err)
		requireRounds(t, p, f, 2, 4)
		require.Len(t, w.runs, 1)
	})
}

// Prompts and resources may also require input.
func TestPromptsAndResourcesRequireInput(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, everything())
		prompt, err := s.GetPrompt(limit(t), "greet", map[string]string{"who": askWho})
		require.NoError(t, err)
		require.Len(t, prompt.Messages, 1)
		require.Contains(t, prompt.Messages[0].Content.(mcp.TextContent).Text, "Rob")
		if p.plainReads {
			return
		}
		read, err := s.ReadResource(limit(t), askingResource)
		require.NoError(t, err)
		require.Len(t, read.Contents, 1)
		require.Contains(t, read.Contents[0].(mcp.TextResourceContents).Text, "Rob")
	})
}

// A call that is cancelled during a prompt returns immediately, and the handler's context ends.
func TestCancelDuringPrompt(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		asking, over := make(chan struct{}), make(chan struct{})
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitForm: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				close(asking)
				<-ctx.Done()
				close(over)
				return nil, ctx.Err()
			},
		})
		ctx, cancel := context.WithCancel(limit(t))
		failed := make(chan error, 1)
		go func() {
			_, err := s.CallTool(ctx, "ask", asked{What: []string{askForm}})
			failed <- err
		}()
		receive(t, asking, "the prompt")
		cancel()
		err := receive(t, failed, "the end of the call")
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err), "%v", err)
		receive(t, over, "the end of the prompt")
		requireEcho(t, s)
		require.Equal(t, "echo", <-w.runs)
		require.Empty(t, w.runs)
	})
}
