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

// connectAsked begins a session whose handlers can be asked: a legacy server may
// do so on the standing stream, so that has to be there.
func connectAsked(t *testing.T, p peer, f *front, h mcpclient.Handlers) *mcpclient.Session {
	t.Helper()
	s := connect(t, f, &mcpclient.Options{Handlers: h})
	if legacy(p) {
		f.await(t, func(r *request) bool { return r.verb == http.MethodGet && r.stream })
	}
	return s
}

// ask calls the tool that asks and returns the answers as the server took them.
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

// answered asks one thing, once.
func answered(t *testing.T, s *mcpclient.Session, what string) string {
	t.Helper()
	answers, err := ask(t, s, asked{What: []string{what}})
	require.NoError(t, err)
	require.Len(t, answers, 1)
	return string(answers[what])
}

// requireTurns checks how the server asked: a legacy one by requests, which are
// answered by as many responses; a modern one by results, after each of which the call was made again.
func requireTurns(t *testing.T, p peer, f *front, questions, rounds int) {
	t.Helper()
	responses := f.count(func(r *request) bool { return r.verb == http.MethodPost && r.method == "" })
	calls := f.count(called("tools/call"))
	if legacy(p) {
		require.Equal(t, []int{questions * rounds, 1}, []int{responses, calls})
		return
	}
	require.Equal(t, []int{0, 1 + rounds}, []int{responses, calls})
}

// form is a handler that gives the next answer of a list.
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

// A form arrives with all its fields, and what a person entered or chose is what the server gets.
func TestForms(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitForm: func(ctx context.Context, s *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
				if r.Message != "Who are you?" || len(r.Form.Fields) != 7 {
					return nil, fmt.Errorf("asked %q, %v", r.Message, r.Form.Fields)
				}
				if _, err := s.CallTool(ctx, "echo", map[string]any{"text": "meanwhile"}); err != nil {
					return nil, err
				}
				content := r.Form.Defaults()
				for name, typed := range map[string]string{"name": trickyName, "color": "green", "tags": "b, c"} {
					for i := range r.Form.Fields {
						if field := &r.Form.Fields[i]; field.Name == name {
							value, err := field.Parse(typed)
							if err != nil {
								return nil, err
							}
							content[name] = value
						}
					}
				}
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

// A person may say no, or say nothing.
func TestFormsNotFilledIn(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{ElicitForm: form(mcpclient.DeclineElicitation(), mcpclient.CancelElicitation(),
			mcpclient.AcceptElicitation(map[string]any{"name": "x"}))})
		require.JSONEq(t, `{"action":"decline"}`, answered(t, s, askForm))
		requireTurns(t, p, f, 1, 1)
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askForm))
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askForm), "the name is too short")

		_, err := ask(t, s, asked{What: []string{askForm}})
		require.Error(t, err)
		require.Equal(t, modern(p), mcpclient.KindOf(err) == mcpclient.KindInput, "%v", err)
		requireEcho(t, s)
	})
}

// A page arrives as the server gave it; a legacy server tells when the person is done there.
func TestPages(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		answers := make(chan *mcp.ElicitationResult, 4)
		answers <- mcpclient.DeclineElicitation()
		answers <- mcpclient.CancelElicitation()
		answers <- mcpclient.AcceptElicitation(nil)
		done := make(chan string, 1)
		s := connectAsked(t, p, f, mcpclient.Handlers{
			ElicitURL: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
				if r.URL.String() != pageURL || r.Message != "Log in" || r.Warnings != nil {
					return nil, fmt.Errorf("asked %q, %v, %v", r.Message, r.URL, r.Warnings)
				}
				return <-answers, nil
			},
			ElicitationComplete: func(_ context.Context, _ *mcpclient.Session, id string) {
				done <- id
				w.seen <- struct{}{}
			},
		})
		require.JSONEq(t, `{"action":"decline"}`, answered(t, s, askPage))
		require.JSONEq(t, `{"action":"cancel"}`, answered(t, s, askPage))
		if modern(p) {
			require.JSONEq(t, `{"action":"accept"}`, answered(t, s, askPage))
			return
		}
		got, err := ask(t, s, asked{What: []string{askPage}, Visited: true})
		require.NoError(t, err)
		require.JSONEq(t, `{"action":"accept"}`, string(got[askPage]))
		require.Equal(t, pageID, receive(t, done, "notifications/elicitation/complete"))
	})
}

// A legacy server may refuse a call until a page is visited: the person is asked, and the call ends.
func TestPageDemandedByAnError(t *testing.T) {
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
		require.Equal(t, pageURL, pages[0].URL.String())
		require.Equal(t, pageURL+" "+pageID, receive(t, visited, "the question"))
		require.Empty(t, visited)
		require.Len(t, w.runs, 1)
	})
}

// said is a message of a model.
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
					return nil, fmt.Errorf("asked %s", r.Raw)
				}
				return said(mcp.NewTextContent(trickyName)), nil
			},
		})
		require.JSONEq(t, `{"role":"assistant","content":{"type":"text","text":"`+trickyName+`"},"model":"m-1","stopReason":"endTurn"}`,
			answered(t, s, askSample))
		requireTurns(t, p, f, 1, 1)

		_, err := ask(t, s, asked{What: []string{askTools}})
		require.Error(t, err, "the client did not declare that it can sample with tools")
		requireEcho(t, s)
	})
}

// A model may use the tools that the request brought.
func TestSamplingWithTools(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, _ *world, f *front) {
		s := connectAsked(t, p, f, mcpclient.Handlers{
			SampleWithTools: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
				if len(r.Tools) != 1 || r.Tools[0].Name != "look" || r.ToolChoice == nil || r.ToolChoice.Mode != mcp.ToolChoiceModeAuto {
					return nil, fmt.Errorf("asked %s", r.Raw)
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

// No to sampling fails the question on a legacy server, whose tool fails then, and the call on a modern one.
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

// Roots are what they are when the server asks. A legacy server is told that they changed.
func TestRoots(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		roots := make(chan []mcp.Root, 1)
		s := connectAsked(t, p, f, mcpclient.Handlers{
			Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return <-roots, nil },
		})
		roots <- []mcp.Root{{URI: "file:///srv/a%20b", Name: "a b"}, {URI: "file:///srv/c"}}
		require.JSONEq(t, `{"roots":[{"uri":"file:///srv/a%20b","name":"a b"},{"uri":"file:///srv/c"}]}`, answered(t, s, askRoots))
		requireTurns(t, p, f, 1, 1)
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

// everything answers all that can be asked, without looking.
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

// One call may require several things at once.
func TestSeveralQuestionsOfOneCall(t *testing.T) {
	each(t, nil, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, everything())
		what := []string{askForm, askPage, askSample, askRoots}
		answers, err := ask(t, s, asked{What: what})
		require.NoError(t, err)
		require.Len(t, answers, len(what))
		require.Contains(t, string(answers[askForm]), "Rob")
		require.JSONEq(t, `{"action":"accept"}`, string(answers[askPage]))
		require.Contains(t, string(answers[askSample]), "42")
		require.JSONEq(t, `{"roots":[{"uri":"file:///srv"}]}`, string(answers[askRoots]))
		requireTurns(t, p, f, len(what), 1)
		require.Equal(t, "ask", <-w.runs)
		require.Empty(t, w.runs)
	})
}

// A call may require input again and again, and its state comes back unchanged each time.
func TestRounds(t *testing.T) {
	each(t, func(p peer) bool { return !p.oneRound }, func(t *testing.T, p peer, w *world, f *front) {
		s := connectAsked(t, p, f, everything())
		_, err := ask(t, s, asked{What: []string{askForm, askRoots}, Rounds: 4})
		require.NoError(t, err)
		requireTurns(t, p, f, 2, 4)
		require.Len(t, w.runs, 1)
	})
}

// Prompts and resources may require input, too.
func TestPromptsAndResourcesThatAsk(t *testing.T) {
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

// A call that is given up while a person is asked ends at once, and so does the person's context.
func TestCancelWhileAsked(t *testing.T) {
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
		receive(t, asking, "the question")
		cancel()
		err := receive(t, failed, "the end of the call")
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err), "%v", err)
		receive(t, over, "the end of the question")
		requireEcho(t, s)
		require.Equal(t, "echo", <-w.runs)
		require.Empty(t, w.runs)
	})
}
