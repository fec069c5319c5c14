package mcpclient_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// noting returns handlers that need the shared stream and write into the observer's diary.
func (o *observed) noting() mcpclient.Handlers {
	return mcpclient.Handlers{
		ToolsChanged:    func(context.Context, *mcpclient.Session) { o.notef("handler: tools changed") },
		MissedEvents:    func(context.Context, *mcpclient.Session, mcpclient.MissedEvents) { o.notef("handler: missed events") },
		SessionRestored: func(context.Context, *mcpclient.Session, mcpclient.SessionRestored) { o.notef("handler: restored") },
	}
}

// The shared stream is lost, opened again, and the gap is reported before the handler runs.
func TestEventsOfTheSharedStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Handlers: o.noting(), Observer: o.observe})
		synctest.Wait()
		version := versionOf(srv)
		require.Equal(t, []string{"negotiated " + version, "connected " + version, "opened shared"}, o.take())
		srv.CutSharedStreams(true)
		synctest.Wait()
		require.Equal(t, []string{"lost shared, opened=true final=false"}, o.take())
		lost := eventsOf[mcpclient.StreamLost](&o)[0]
		require.Error(t, lost.Cause)
		require.Equal(t, s.Endpoint(), lost.Endpoint)
		time.Sleep(lost.Wait - 1) // fake time
		synctest.Wait()
		require.Empty(t, o.take(), "not before the pause is over")
		pass(1)
		require.Equal(t, []string{"opened shared", "gap shared", "handler: missed events"}, o.take())
		require.Equal(t, lost.Cause, eventsOf[mcpclient.StreamGap](&o)[0].Cause)
		require.NoError(t, s.Close())
		require.Equal(t, []string{"closed, failed=false"}, o.take(), "Close ends the stream, so it is not lost")
	})
}

// A stream that is resumed with a cursor has no gap.
func TestEventsOfAResumedStream(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		serve(t, srv, mcpclient.Options{Handlers: o.noting(), Observer: o.observe})
		synctest.Wait()
		notify(srv, toolsChanged)
		o.take()
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Equal(t, []string{"lost shared, opened=true final=false", "opened shared"}, o.take())
	})
}

// If the shared stream is only opened at the second attempt, notifications between Connect and then
// were missed.
func TestGapBeforeTheFirstStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		var tries atomic.Int32
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			if tries.Add(1) > 1 {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}))
		serve(t, srv, mcpclient.Options{Handlers: o.noting(), Observer: o.observe})
		pass(time.Minute)
		require.Equal(t, []string{"lost shared, opened=false final=false", "opened shared", "gap shared"}, o.take()[2:])
		var status *mcpclient.HTTPError
		require.ErrorAs(t, eventsOf[mcpclient.StreamGap](&o)[0].Cause, &status)
	})
}

// A server without such a stream refuses it once, and that is final.
func TestEventOfARefusedStream(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		}))
		serve(t, srv, mcpclient.Options{Handlers: o.noting(), Observer: o.observe})
		pass(time.Hour)
		require.Equal(t, []string{"lost shared, opened=false final=true"}, o.take()[2:])
	})
}

// A new session has a new shared stream. It opens after the recovery has ended, and has a gap.
func TestEventsOfTheSharedStreamAfterARecovery(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Handlers: o.noting(), Observer: o.observe})
		synctest.Wait()
		o.take()
		if srv.Era == mcptest.Modern {
			onceAt(srv, "tools/call", rpc(400, -32022, map[string]any{"supported": []string{versionOf(srv)}}))
		} else {
			srv.LoseSessions()
		}
		echoes(t, s)
		synctest.Wait()
		lines := o.take()
		at := func(line string) int {
			for i := range lines {
				if lines[i] == line {
					return i
				}
			}
			require.Fail(t, "missing", "%s in %q", line, lines)
			return 0
		}
		require.Less(t, at("recovery of 1 ended, replaced=true failed=false"), at("opened shared"))
		require.Equal(t, at("opened shared")+1, at("gap shared"))
		require.Less(t, at("recovery of 1 ended, replaced=true failed=false"), at("handler: restored"))
		require.ErrorIs(t, eventsOf[mcpclient.StreamGap](&o)[0].Cause, mcpclient.ErrSessionLost)
		require.Len(t, eventsOf[mcpclient.StreamOpened](&o), 2)
	})
}

// A subscription to a modern server has its own stream. Subscriptions to a legacy server share one.
// The stream opens before Listen returns, and its end is reported before the subscription has ended.
func TestEventsOfASubscription(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		o.take()
		l := listen(t, s, toTools)
		o.notef("Listen returned")
		go func() {
			for ev := range l.Events() {
				o.notef("event %s", eventText(ev))
			}
			o.notef("ended")
		}()
		synctest.Wait()
		whose, of := "shared", (*mcpclient.Subscription)(nil)
		if srv.Era == mcptest.Modern {
			whose, of = "subscription", l
		}
		require.Equal(t, []string{"opened " + whose, "Listen returned"}, o.take())
		require.Same(t, of, eventsOf[mcpclient.StreamOpened](&o)[0].Subscription)
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Equal(t, []string{
			"lost " + whose + ", opened=true final=false", "opened " + whose, "gap " + whose, "event missed",
		}, o.take())
		srv.SetIntercept(atStream(func(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return true
		}))
		srv.CutSharedStreams(true)
		pass(time.Minute)
		require.Equal(t, []string{
			"lost " + whose + ", opened=true final=false", "lost " + whose + ", opened=false final=true", "ended",
		}, o.take())
	})
}

// A subscription that this side ends is not lost.
func TestNoEventOfASubscriptionThatIsClosed(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		l := listen(t, s, toTools)
		o.take()
		require.NoError(t, l.Close())
		ended(t, l, mcpclient.EndClosed)
		require.Empty(t, o.take())
	})
}

// A modern server that completes a subscription ends its stream without an error.
func TestEventOfACompletedSubscription(t *testing.T) {
	modernBubble(t, func(t *testing.T, srv *mcptest.Server) {
		var o observed
		s := serve(t, srv, mcpclient.Options{Observer: o.observe})
		l := listen(t, s, toTools)
		o.take()
		srv.EndSubscriptions()
		ended(t, l, mcpclient.EndCompleted)
		require.Equal(t, []string{"lost subscription, opened=true final=true"}, o.take())
		require.NoError(t, eventsOf[mcpclient.StreamLost](&o)[0].Cause)
	})
}
