package mcpclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// observed is an observer that writes events into a diary, into which the caller writes as well.
type observed struct {
	diary
	mu     sync.Mutex
	events []mcpclient.Event // guarded by mu
}

func (o *observed) observe(_ context.Context, e mcpclient.Event) {
	o.mu.Lock()
	o.events = append(o.events, e)
	o.mu.Unlock()
	o.notef("%s", eventLine(e))
}

// eventsOf returns the events of one type.
func eventsOf[T mcpclient.Event](o *observed) (found []T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		if e, ok := e.(T); ok {
			found = append(found, e)
		}
	}
	return found
}

// eventLine describes what a test compares of an event.
func eventLine(e mcpclient.Event) string {
	of := func(l *mcpclient.Subscription) string {
		if l != nil {
			return "subscription"
		}
		return "shared"
	}
	switch e := e.(type) {
	case mcpclient.Negotiated:
		return "negotiated " + e.ProtocolVersion
	case mcpclient.Connected:
		return "connected " + e.ProtocolVersion
	case mcpclient.Retrying:
		return fmt.Sprintf("retrying %s %s tries=%d reason=%s", e.Method, e.Name, e.Tries, e.Reason)
	case mcpclient.RecoveryStarted:
		return fmt.Sprintf("recovery of %d started, doubted=%t", e.Recovery.Generation, e.Recovery.Doubted)
	case mcpclient.RecoveryEnded:
		return fmt.Sprintf("recovery of %d ended, replaced=%t failed=%t", e.Recovery.Generation, e.Replaced, e.Err != nil)
	case mcpclient.StreamOpened:
		return "opened " + of(e.Subscription)
	case mcpclient.StreamLost:
		return fmt.Sprintf("lost %s, opened=%t final=%t", of(e.Subscription), e.Opened, e.Final)
	case mcpclient.StreamGap:
		return "gap " + of(e.Subscription)
	case mcpclient.AuthorizationStarted:
		return fmt.Sprintf("authorization started, status %d", e.Status)
	case mcpclient.AuthorizationEnded:
		return fmt.Sprintf("authorization ended, failed=%t", e.Err != nil)
	case mcpclient.ToolRedefined:
		return "redefined " + e.Tool
	case mcpclient.Closed:
		return fmt.Sprintf("closed, failed=%t", e.Err != nil)
	}
	return fmt.Sprintf("unknown %T", e)
}

// versionOf returns the revision that a server speaks.
func versionOf(srv *mcptest.Server) string {
	if srv.Era == mcptest.Modern {
		return mcp.ProtocolVersion20260728
	}
	return mcp.ProtocolVersion20251125
}

// onceAt makes a server answer the first request with a method in another way.
func onceAt(srv *mcptest.Server, method string, answer func(w http.ResponseWriter, m *mcptest.Message)) {
	var done atomic.Bool
	srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != method || done.Swap(true) {
			return false
		}
		answer(w, m)
		return true
	})
}

func withStatus(status int, header ...string) func(w http.ResponseWriter, m *mcptest.Message) {
	return func(w http.ResponseWriter, _ *mcptest.Message) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

// A session reports its beginning before Connect returns, and its end before Close returns.
func TestEventsOfALife(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		link := srv.InMemory(t)
		s, err := tryConnect(t, link, mcpclient.Options{Observer: o.observe})
		require.NoError(t, err)
		o.notef("Connect returned")
		echoes(t, s)
		time.Sleep(time.Hour) // fake time
		require.NoError(t, s.Close())
		o.notef("Close returned")
		require.NoError(t, s.Close())
		version := versionOf(srv)
		require.Equal(t, []string{
			"negotiated " + version, "connected " + version, "Connect returned", "closed, failed=false", "Close returned",
		}, o.take())
		require.Equal(t, []mcpclient.Closed{{Endpoint: link.URL, Lived: time.Hour, Era: s.Era(), ProtocolVersion: version}}, eventsOf[mcpclient.Closed](&o))
		connected := eventsOf[mcpclient.Connected](&o)[0]
		require.Equal(t, mcpclient.Connected{Endpoint: link.URL, Era: s.Era(), ProtocolVersion: version}, connected)
		require.Equal(t, mcpclient.Negotiated(connected), eventsOf[mcpclient.Negotiated](&o)[0])
	})
}

// A Connect that fails reports why, once, and is never connected.
func TestEventsOfAFailedConnect(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.WriteHeader(http.StatusForbidden)
			return true
		})
		var o observed
		_, err := tryConnect(t, srv.InMemory(t), mcpclient.Options{Observer: o.observe})
		require.Error(t, err)
		require.Equal(t, []string{"closed, failed=true"}, o.take())
		require.Equal(t, err, eventsOf[mcpclient.Closed](&o)[0].Err)
	})
}

type eventKey struct{}

// A retry is reported before its pause, with the context of its call.
func TestEventOfARetry(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		var value any
		s := serve(t, srv, mcpclient.Options{Observer: func(ctx context.Context, e mcpclient.Event) {
			if value == nil {
				value = ctx.Value(eventKey{})
			}
			o.observe(ctx, e)
		}})
		o.take()
		onceAt(srv, "tools/call", withStatus(http.StatusTooManyRequests, "Retry-After", "60"))
		start := time.Now()
		go func() {
			_, err := s.CallTool(context.WithValue(t.Context(), eventKey{}, "mine"), "echo", nil)
			o.notef("call returned %v after %v", err, time.Since(start))
		}()
		synctest.Wait()
		require.Equal(t, []string{"retrying tools/call echo tries=1 reason=wait"}, o.take())
		require.Equal(t, "mine", value)
		retry := eventsOf[mcpclient.Retrying](&o)[0]
		require.Equal(t, time.Minute, retry.Wait)
		require.Equal(t, s.Endpoint(), retry.Endpoint)
		var status *mcpclient.HTTPError
		require.ErrorAs(t, retry.Cause, &status)
		require.Equal(t, http.StatusTooManyRequests, status.Status)
		time.Sleep(time.Minute) // fake time
		synctest.Wait()
		require.Equal(t, []string{"call returned <nil> after 1m0s"}, o.take())
	})
}

// If the caller gives up in the pause, there is no other event for the message.
func TestEventOfARetryThatIsGivenUp(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		o.take()
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			withStatus(http.StatusServiceUnavailable)(w, nil)
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := s.ListTools(ctx, nil)
		require.Equal(t, mcpclient.KindCanceled, mcpclient.KindOf(err))
		require.Equal(t, []string{"retrying tools/list  tries=1 reason=wait"}, o.take())
		srv.SetIntercept(nil)
	})
}

// Each time that a message is sent again, there is one retry event, whatever was done before. A list
// of the tools that was asked for because of a wrong header is reported as such.
func TestEventOfARetryAfterListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o observed
		s := serve(t, modernWith(mirrored()), mcpclient.Options{Observer: o.observe})
		o.take()
		_, err := s.CallTool(t.Context(), "query", map[string]any{"region": "eu", "limit": 1})
		require.NoError(t, err)
		require.Equal(t, []string{"retrying tools/call query tries=1 reason=tools"}, o.take())
	})
}

// The server has lost the session, or no longer accepts its revision. The recovery ends before the
// calls that wait for it are sent again, and its events say which calls waited.
func TestEventsOfARecovery(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		var waited sync.Map
		s := serve(t, srv, mcpclient.Options{Observer: func(ctx context.Context, e mcpclient.Event) {
			if start, ok := e.(mcpclient.RecoveryStarted); ok {
				start.Recovery.OnWait(func(ctx context.Context) { waited.Store(ctx.Value(eventKey{}), true) })
			}
			o.observe(ctx, e)
		}})
		o.take()
		reason, version, greeting := "session", versionOf(srv), srv.Hold("initialize")
		if srv.Era == mcptest.Modern {
			reason, greeting = "version", srv.Hold("server/discover")
			var refused atomic.Int32
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" || refused.Add(1) > 2 {
					return false
				}
				rpc(400, -32022, map[string]any{"supported": []string{version}})(w, m)
				return true
			})
		} else {
			srv.LoseSessions()
		}
		var calls sync.WaitGroup
		for i := range 2 {
			calls.Go(func() {
				_, err := s.CallTool(context.WithValue(t.Context(), eventKey{}, i), "echo", nil)
				o.notef("call returned %v", err)
			})
		}
		synctest.Wait() // both were refused, and wait for the recovery
		greeting.Release()
		calls.Wait()
		lines := o.take()
		require.Equal(t, []string{
			"recovery of 1 started, doubted=false", "negotiated " + version, "recovery of 1 ended, replaced=true failed=false",
		}, lines[:3])
		retry := "retrying tools/call echo tries=1 reason=" + reason
		require.ElementsMatch(t, []string{retry, retry, "call returned <nil>", "call returned <nil>"}, lines[3:])
		require.Equal(t, retry, lines[3])
		started, end := eventsOf[mcpclient.RecoveryStarted](&o)[0], eventsOf[mcpclient.RecoveryEnded](&o)[0]
		require.Same(t, started.Recovery, end.Recovery)
		require.Equal(t, s.Endpoint(), end.Recovery.Endpoint)
		require.Error(t, end.Recovery.Cause)
		require.Equal(t, version, end.ProtocolVersion)
		require.Equal(t, s.Era(), end.Era)
		for i := range 2 {
			_, there := waited.Load(i)
			require.True(t, there, "call %d waited", i)
		}
	})
}

// A refusal that may mean a lost session leads to a ping. If the server answers it, the recovery ends
// without a new session.
func TestEventsOfADoubtedSession(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		o.take()
		onceAt(srv, "tools/call", withStatus(http.StatusBadRequest))
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Error(t, err)
		require.Equal(t, []string{"recovery of 1 started, doubted=true", "recovery of 1 ended, replaced=false failed=false"}, o.take())
	})
}

// A recovery that fails ends with its error. The next one has the same generation.
func TestEventsOfAFailedRecovery(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		o.take()
		srv.LoseSessions()
		onceAt(srv, "initialize", withStatus(http.StatusForbidden))
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindForbidden, mcpclient.KindOf(err), "%v", err)
		require.Equal(t, []string{"recovery of 1 started, doubted=false", "recovery of 1 ended, replaced=false failed=true"}, o.take())
		echoes(t, s)
		require.Equal(t, "recovery of 1 ended, replaced=true failed=false", o.take()[2])
		ends := eventsOf[mcpclient.RecoveryEnded](&o)
		require.NotSame(t, ends[0].Recovery, ends[1].Recovery)
	})
}

// Authorization begins and ends before the refused call is sent again, or fails.
func TestEventsOfAnAuthorization(t *testing.T) {
	for _, grants := range []bool{true, false} {
		t.Run(map[bool]string{true: "granted", false: "declined"}[grants], func(t *testing.T) {
			eachEra(t, func(t *testing.T, srv *mcptest.Server) {
				var o observed
				wants, d := new(sync.Map), &doorkeeper{token: "first"}
				wants.Store("token", "first")
				locked(srv, wants)
				declined := errors.New("declined")
				d.ask = func(context.Context, int, http.Header) error {
					o.notef("the user is prompted")
					if !grants {
						return declined
					}
					d.set("second")
					return nil
				}
				s := serve(t, srv, mcpclient.Options{Auth: d, Observer: o.observe})
				o.take()
				wants.Store("token", "second")
				_, err := s.CallTool(t.Context(), "echo", nil)
				o.notef("call failed=%t", err != nil)
				want := []string{"authorization started, status 401", "the user is prompted", fmt.Sprintf("authorization ended, failed=%t", !grants)}
				if grants {
					want = append(want, "retrying tools/call echo tries=1 reason=authorization")
				} else {
					require.ErrorIs(t, eventsOf[mcpclient.AuthorizationEnded](&o)[0].Err, declined)
				}
				require.Equal(t, append(want, fmt.Sprintf("call failed=%t", !grants)), o.take())
				d.set("second")
			})
		})
	}
}

// A tool that is listed with another definition is reported before the caller gets the list. Another
// order of members or other white space is no other definition.
func TestEventOfARedefinedTool(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		tool := srv.Tools[0]
		list := func(schema string) mcpclient.Tool {
			tool.Schema = schema
			page, err := s.ListTools(t.Context(), nil)
			require.NoError(t, err)
			o.notef("listed")
			return page.Items[0]
		}
		o.take()
		old := list(`{"type":"object","properties":{"a":{"type":"string"},"b":{"minimum":1}}}`)
		list(`{"properties": {"b":{"minimum":1}, "a":{"type": "string"}}, "type":"object"}`)
		require.Equal(t, []string{"listed", "listed"}, o.take())
		changed := list(`{"type":"object","properties":{"a":{"type":"string"},"b":{"minimum":1.0}}}`)
		list(`{"type":"object","properties":{"a":{"type":"string"},"b":{"minimum":1.0}}}`)
		require.Equal(t, []string{"redefined echo", "listed", "listed"}, o.take())
		require.Equal(t, []mcpclient.ToolRedefined{{
			Endpoint: s.Endpoint(), Tool: "echo", Old: old.Fingerprint(), New: changed.Fingerprint(),
		}}, eventsOf[mcpclient.ToolRedefined](&o))
	})
}

// An observer that panics disturbs nothing, whether it runs on the caller's goroutine or on one of
// the session, and the panic is logged.
func TestObserverThatPanics(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var log logged
		s := serve(t, srv, mcpclient.Options{
			Logger: log.logger(), Observer: func(context.Context, mcpclient.Event) { panic("out of order") },
		})
		srv.LoseSessions()
		onceAt(srv, "tools/call", withStatus(http.StatusTooManyRequests))
		echoes(t, s)
		require.NoError(t, s.Close())
		require.GreaterOrEqual(t, strings.Count(log.String(), `msg="an observer panicked" value="out of order"`), 4)
	})
}

// Close waits for an observer, but no longer than its timeout. No event comes after the last one.
func TestClosedIsTheLastEvent(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		slow := make(chan struct{})
		s := serve(t, srv, mcpclient.Options{Observer: func(ctx context.Context, e mcpclient.Event) {
			if _, retry := e.(mcpclient.Retrying); retry {
				<-slow
			}
			o.observe(ctx, e)
		}})
		o.take()
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || m.Method != "tools/list" {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		for range 3 {
			go func() { _, _ = s.ListTools(t.Context(), nil) }()
		}
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(slow) })
		start := time.Now()
		require.NoError(t, s.Close())
		require.Equal(t, time.Second, time.Since(start))
		pass(time.Hour)
		lines := o.take()
		require.Len(t, lines, 4)
		require.Equal(t, "closed, failed=false", lines[3])
	})
}
