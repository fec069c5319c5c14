package mcpclient_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// logged is a log at the debug level, safe for concurrent use.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// A result with a type that 2026-07-28 does not define is an invalid response, never a complete one
// ("ResultType"). The tool may have run, or may still run: the type may mean that this is not the
// end of the call. A type that is not a string says nothing.
func TestUnknownResultTypeIsNotComplete(t *testing.T) {
	for resultType, outcome := range map[string]mcpclient.Outcome{
		`"partial"`: mcpclient.Unknown, `"task"`: mcpclient.Unknown, `"Complete"`: mcpclient.Unknown, `"complete "`: mcpclient.Unknown,
		`"` + strings.Repeat("x", 10_000) + `"`: mcpclient.Unknown, `7`: mcpclient.Answered, `{}`: mcpclient.Answered,
	} {
		synctest.Test(t, func(t *testing.T) {
			srv := newServer(mode{mcptest.Modern, false})
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" && m.Method != "tools/list" {
					return false
				}
				body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"content":[],"tools":[],"resultType":%s}}`, m.ID, resultType)
				mcptest.WriteJSON(w, http.StatusOK, []byte(body))
				return true
			})
			s := serve(t, srv, mcpclient.Options{})
			res, err := s.CallTool(t.Context(), "echo", nil)
			require.Nil(t, res)
			require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err), "%v", err)
			require.Equal(t, outcome, mcpclient.OutcomeOf(err))
			require.Less(t, len(err.Error()), 4<<10)
			_, err = s.ListTools(t.Context(), nil)
			require.Equal(t, mcpclient.KindProtocol, mcpclient.KindOf(err), "%v", err)
		})
	}
}

// The client never sends a cancellation for initialize (2025-11-25, "Cancellation"). This holds
// when the context of Connect ends, when initialize times out, and during a recovery.
func TestInitializeIsNeverCancelled(t *testing.T) {
	hang := func(srv *mcptest.Server) {
		srv.SetIntercept(func(_ http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "initialize" {
				return false
			}
			srv.Hang(r)
			return true
		})
	}
	t.Run("Connect", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			hang(srv)
			link := srv.InMemory(t)
			for _, after := range []time.Duration{time.Second, time.Hour} { // before and after the timeout
				ctx, cancel := context.WithTimeout(t.Context(), after)
				_, err := connectTo(ctx, link.URL, &mcpclient.Options{Transport: link.Transport})
				cancel()
				require.Error(t, err)
			}
			time.Sleep(time.Minute)
			require.NotZero(t, srv.Count("initialize"))
			require.Zero(t, srv.Count("notifications/cancelled"))
		})
	})
	t.Run("recovery", func(t *testing.T) {
		inBubble(t, func(t *testing.T, srv *mcptest.Server) {
			s := serve(t, srv, mcpclient.Options{})
			srv.LoseSessions()
			hang(srv)
			_, err := s.CallTool(t.Context(), "echo", nil)
			require.Error(t, err)
			call := begin(t.Context(), s, "echo")
			synctest.Wait()
			require.NoError(t, s.Close())
			require.Error(t, (<-call).err)
			require.Zero(t, srv.Count("notifications/cancelled"))
		})
	})
}

// The client logs one warning for each tool that it leaves out. The warning names the tool and the
// reason (2026-07-28, "Schema Extension").
func TestOneWarningForEachToolLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := newServer(mode{mcptest.Modern, false})
		for _, name := range []string{"first", "second"} {
			srv.Tools = append(srv.Tools, &mcptest.Tool{
				Name: name, Schema: `{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"not a token"}}}`,
			})
		}
		var log logged
		s := serve(t, srv, mcpclient.Options{Logger: log.logger()})
		page, err := s.ListTools(t.Context(), nil)
		require.NoError(t, err)
		require.Len(t, page.Items, 1)
		for _, name := range []string{"first", "second"} {
			lines := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "tool="+name) {
					lines++
					require.Contains(t, line, "level=WARN")
					require.Contains(t, line, "x-mcp-header")
				}
			}
			require.Equal(t, 1, lines, log.String())
		}
	})
}

// Logs and errors never contain the messages that a server sends to a model, or the model's answers
// (2026-07-28, "Sampling", "Security Considerations").
func TestMessagesStayOutOfTheLog(t *testing.T) {
	const prompt, answer = "the-patient-is-ill", "take-two-pills"
	for name, sample := range map[string]func() (*mcp.CreateMessageResult, error){
		"answer": func() (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Model: "m", SamplingMessage: mcp.SamplingMessage{
				Role: mcp.RoleAssistant, Content: mcp.TextContent{Type: "text", Text: answer},
			}}, nil
		},
		"error":    func() (*mcp.CreateMessageResult, error) { return nil, errors.New("no model") },
		"rejected": func() (*mcp.CreateMessageResult, error) { return nil, mcpclient.ErrRejected },
		"panic":    func() (*mcp.CreateMessageResult, error) { panic("out of models") },
		"nothing":  func() (*mcp.CreateMessageResult, error) { return nil, nil },
	} {
		for _, content := range []string{`{"type":"text","text":"` + prompt + `"}`, `{"type":"` + prompt + `"}`, `"` + prompt + `"`, `[{"text":"` + prompt + `"}]`} {
			t.Run(name+" to "+content, func(t *testing.T) {
				eachEra(t, func(t *testing.T, srv *mcptest.Server) {
					params := jsonRaw(`{"maxTokens":9,"systemPrompt":"` + prompt + `","messages":[{"role":"user","content":` + content + `}]}`)
					add(srv, "doctor", func(ctx context.Context, c *mcptest.Call) (jsonRaw, error) {
						_, pending, err := c.RequestInput(ctx, "k", "sampling/createMessage", params)
						if err != nil || pending != nil {
							return pending, err
						}
						return mcptest.Text("done"), nil
					})
					var log logged
					s := serve(t, srv, mcpclient.Options{Logger: log.logger(), Handlers: mcpclient.Handlers{
						Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
							return sample()
						},
					}})
					_, err := s.CallTool(t.Context(), "doctor", nil)
					for _, secret := range []string{prompt, answer} {
						require.NotContains(t, log.String(), secret)
						require.NotContains(t, fmt.Sprint(err), secret)
					}
				})
			})
		}
	}
}
