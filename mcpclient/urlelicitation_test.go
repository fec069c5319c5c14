package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const elicitationComplete = "notifications/elicitation/complete"

// requiresURLs returns a tool that fails with the error that the user must visit URLs first.
func requiresURLs(elicitations ...any) mcptest.ToolFunc {
	return func(context.Context, *mcptest.Call) (jsonRaw, error) {
		return nil, &mcptest.Error{
			Code: mcpclient.CodeURLElicitationRequired, Message: "visit", Data: map[string]any{"elicitations": elicitations},
		}
	}
}

func page(id, url string) map[string]any {
	return map[string]any{"mode": "url", "message": "Page " + id, "url": url, "elicitationId": id}
}

// If an error requires the user to visit URLs, the client shows them one at a time and skips unsafe
// ones. The call still fails with that error, and the tool runs once.
func TestRequiredURLsAreShown(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", requiresURLs(
			page("1", "https://one.example/"), page("2", "http://unsafe.example/"), page("3", "javascript:alert(1)"),
			aForm, 5, page("4", "https://four.example/a?b=c"),
		))
		var d diary
		s := serve(t, srv, mcpclient.Options{Handlers: d.requestHandlers("form", "url")})
		_, err := s.CallTool(t.Context(), "ask", nil)
		e := failure(t, err)
		require.Equal(t, mcpclient.KindServer, e.Kind)
		require.Equal(t, 1, srv.Executions("ask"))
		if srv.Era == mcptest.Modern { // modern servers have no such error
			require.Empty(t, d.take())
		} else {
			require.Equal(t, []string{"url https://one.example/", "url https://four.example/a?b=c"}, d.take())
		}
		pages, unsafe := mcpclient.RequiredElicitations(err)
		require.Error(t, unsafe)
		require.Len(t, pages, 2)
		require.Equal(t, []string{"1", "Page 1"}, []string{pages[0].ElicitationID, pages[0].Message})
		require.Equal(t, "https://four.example/a?b=c", pages[1].URL.String())
		require.NotContains(t, unsafe.Error(), "alert")
		echoes(t, s)
	})
}

// RequiredElicitations returns the URL elicitations that an error requires, or none for other
// errors.
func TestRequiredElicitations(t *testing.T) {
	rpc := func(code int64, data string) error {
		return fmt.Errorf("wrapped: %w", &mcpclient.Error{Err: &mcpclient.RPCError{Code: code, Data: json.RawMessage(data)}})
	}
	one := `{"mode":"url","message":"m","url":"https://a.example/","elicitationId":"e"}`
	for name, test := range map[string]struct {
		err    error
		pages  int
		failed bool
	}{
		"nil":           {nil, 0, false},
		"another error": {errors.New("no"), 0, false},
		"another code":  {rpc(mcpclient.CodeInternal, `{"elicitations":[`+one+`]}`), 0, false},
		"one":           {rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":[`+one+`],"more":1}`), 1, false},
		"none":          {rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":[]}`), 0, false},
		"no list":       {rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":{}}`), 0, true},
		"no data":       {rpc(mcpclient.CodeURLElicitationRequired, ``), 0, true},
		"one is null":   {rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":[null,`+one+`]}`), 1, true},
		"a form":        {rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":[{"mode":"form","requestedSchema":{}}]}`), 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			pages, err := mcpclient.RequiredElicitations(test.err)
			require.Len(t, pages, test.pages)
			require.Equal(t, test.failed, err != nil, "%v", err)
		})
	}
	many := one
	for range 16 {
		many += "," + one
	}
	pages, err := mcpclient.RequiredElicitations(rpc(mcpclient.CodeURLElicitationRequired, `{"elicitations":[`+many+`]}`))
	var limit *mcpclient.LimitError
	require.ErrorAs(t, err, &limit)
	require.EqualValues(t, 16, limit.Limit)
	require.Empty(t, pages)
}

// If the user does not consent to a URL, the client shows no further URLs.
func TestRequiredURLsEndWithoutConsent(t *testing.T) {
	for name, answer := range map[string]func() (*mcp.ElicitationResult, error){
		"declined":  func() (*mcp.ElicitationResult, error) { return mcpclient.DeclineElicitation(), nil },
		"cancelled": func() (*mcp.ElicitationResult, error) { return mcpclient.CancelElicitation(), nil },
		"failed":    func() (*mcp.ElicitationResult, error) { return mcpclient.AcceptElicitation(nil), mcpclient.ErrRejected },
		"nothing":   func() (*mcp.ElicitationResult, error) { return nil, nil },
		"panicked":  func() (*mcp.ElicitationResult, error) { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "ask", requiresURLs(page("1", "https://one.example/"), page("2", "https://two.example/")))
				shown, completed := 0, 0
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
						shown++
						return answer()
					},
					ElicitationComplete: func(context.Context, *mcpclient.Session, string) { completed++ },
				}})
				synctest.Wait()
				_, err := s.CallTool(t.Context(), "ask", nil)
				require.Equal(t, mcpclient.KindServer, failure(t, err).Kind)
				require.Equal(t, 1, shown)
				srv.Notify(elicitationComplete, map[string]any{"elicitationId": "1"})
				srv.Notify(elicitationComplete, map[string]any{"elicitationId": "2"})
				synctest.Wait()
				require.Zero(t, completed)
				echoes(t, s)
			})
		})
	}
}

// If the handler for a URL does not return, the call waits until its context ends, its total
// timeout expires or the session closes.
func TestRequiredURLsEndWithTheCall(t *testing.T) {
	for _, how := range []string{"context", "total", "close"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "ask", requiresURLs(page("1", "https://one.example/"), page("2", "https://two.example/")))
				shown := make(chan struct{}, 4)
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					ElicitURL: func(ctx context.Context, _ *mcpclient.Session, _ *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
						shown <- struct{}{}
						<-ctx.Done()
						shown <- struct{}{}
						return mcpclient.AcceptElicitation(nil), nil
					},
				}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var opts []mcpclient.CallOption
				if how == "total" {
					opts = append(opts, mcpclient.WithTotalTimeout(10*time.Minute))
				}
				call := begin(ctx, s, "ask", opts...)
				if how != "total" {
					time.Sleep(10 * time.Minute) // fake time
					require.Empty(t, call)
				}
				switch how {
				case "context":
					cancel()
				case "close":
					require.NoError(t, s.Close())
				}
				got := <-call
				require.Equal(t, 10*time.Minute, got.at)
				require.Equal(t, mcpclient.KindServer, failure(t, got.err).Kind, "the server has answered")
				synctest.Wait()
				require.Len(t, shown, 2, "one URL, and the end of its handler")
			})
		})
	}
}

// Completion is reported once for each elicitation that the user consented to, however the
// elicitation was requested. It is not reported for other elicitations.
func TestElicitationComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Legacy, true})
		add(srv, "demand", requiresURLs(page("demanded", "https://one.example/")))
		add(srv, "ask", asking(elicit, page("asked", "https://two.example/")))
		add(srv, "unsafe", asking(elicit, page("unsafe", "ftp://two.example/")))
		add(srv, "decline", asking(elicit, page("declined", "https://three.example/")))
		add(srv, "notify", func(_ context.Context, c *mcptest.Call) (jsonRaw, error) {
			c.Notify(elicitationComplete, map[string]any{"elicitationId": "asked"})
			return mcptest.Text("sent"), nil
		})
		var d diary
		h := d.handlers()
		h.ElicitURL = func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			if r.ElicitationID == "declined" {
				return mcpclient.DeclineElicitation(), nil
			}
			return mcpclient.AcceptElicitation(nil), nil
		}
		h.ElicitationComplete = func(_ context.Context, _ *mcpclient.Session, id string) { d.notef("complete %s", id) }
		s := serve(t, srv, mcpclient.Options{Handlers: h})
		synctest.Wait()
		notifyComplete := func(params map[string]any) {
			srv.Notify(elicitationComplete, params)
			synctest.Wait()
		}
		notifyComplete(map[string]any{"elicitationId": "demanded"})
		require.Empty(t, d.take(), "the user was not asked yet")
		for _, tool := range []string{"demand", "ask", "unsafe", "decline"} {
			_, _ = s.CallTool(t.Context(), tool, nil) // other tests check the results
		}
		require.Empty(t, d.take())
		for _, params := range []map[string]any{
			nil, {}, {"elicitationId": nil}, {"elicitationId": ""}, {"elicitationId": 5}, {"elicitationId": "unknown"},
			{"elicitationId": "unsafe"}, {"elicitationId": "declined"},
		} {
			notifyComplete(params)
			require.Empty(t, d.take(), "%v", params)
		}
		notifyComplete(map[string]any{"elicitationId": "demanded"})
		require.Equal(t, []string{"complete demanded"}, d.take())
		_, err := s.CallTool(t.Context(), "notify", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"complete asked"}, d.take(), "also on the stream of a call")
		notifyComplete(map[string]any{"elicitationId": "demanded"})
		notifyComplete(map[string]any{"elicitationId": "asked"})
		require.Empty(t, d.take(), "once")
	})
}

// The server may report that a URL elicitation is complete before the handler returns.
func TestElicitationCompleteBeforeItsHandler(t *testing.T) {
	for name, params := range map[string]mcptest.ToolFunc{
		"asked": asking(elicit, page("p", "https://one.example/")), "demanded": requiresURLs(page("p", "https://one.example/")),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := newServer(mode{mcptest.Legacy, true})
				add(srv, "ask", params)
				done := make(chan string, 2)
				s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
					ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
						srv.Notify(elicitationComplete, map[string]any{"elicitationId": "p"})
						select {
						case <-done:
							return mcpclient.AcceptElicitation(nil), nil
						case <-time.After(time.Hour):
							t.Error("ElicitationComplete was not called")
							return mcpclient.CancelElicitation(), nil
						}
					},
					ElicitationComplete: func(_ context.Context, _ *mcpclient.Session, id string) { done <- id },
				}})
				synctest.Wait()
				_, _ = s.CallTool(t.Context(), "ask", nil)
				srv.Notify(elicitationComplete, map[string]any{"elicitationId": "p"})
				synctest.Wait()
				require.Empty(t, done, "once")
			})
		})
	}
}

// Modern URL elicitations have no ID.
func TestModernURLRequestsHaveNoID(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		add(srv, "ask", asking(elicit, aURL))
		var got *mcpclient.URLRequest
		s := serve(t, srv, mcpclient.Options{Handlers: mcpclient.Handlers{
			ElicitURL: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
				got = r
				return mcpclient.AcceptElicitation(nil), nil
			},
		}})
		_, err := s.CallTool(t.Context(), "ask", nil)
		require.NoError(t, err)
		want := "e-1"
		if srv.Era == mcptest.Modern {
			want = ""
		}
		require.Equal(t, want, got.ElicitationID)
		require.Equal(t, "Log in", got.Message)
		require.Equal(t, "https://login.example.com/", got.URL.String())
	})
}
