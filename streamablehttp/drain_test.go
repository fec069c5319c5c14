package streamablehttp

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/transport"
)

// answering serves the answer as an event, then calls then.
func answering(then func(w http.ResponseWriter, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", typeStream)
		_, _ = io.WriteString(w, answerEvent)
		w.(http.Flusher).Flush()
		if then != nil {
			then(w, r)
		}
	}
}

func TestAnsweredStreamKeepsItsConnection(t *testing.T) {
	for _, tail := range []string{"", ": bye\n\n", strings.Repeat(": bye\n\n", 1000)} {
		then := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, tail) }
		overNetwork(t, answering(then), func(t *testing.T, n *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt)
			for range 100 {
				require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
				synctest.Wait() // the drain is over
			}
			require.Equal(t, 1, n.Accepted())
		})
	}
}

// A server may keep the stream open after its answer, or keep sending. It delays no call, and only
// that connection is lost.
func TestAnsweredStreamThatStaysOpen(t *testing.T) {
	babble := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, strings.Repeat(": more\n", 1000))
		}
	}
	hold := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, then := range map[string]func(http.ResponseWriter, *http.Request){"hold": hold, "babble": babble} {
		var open atomic.Int64
		handler := answering(func(w http.ResponseWriter, r *http.Request) {
			open.Add(1)
			defer open.Add(-1)
			then(w, r)
		})
		overNetwork(t, handler, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt)
			for range 100 {
				start := time.Now()
				require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)), name)
				require.Zero(t, time.Since(start), "Call returns at once")
				time.Sleep(drainTime)
				synctest.Wait()
				require.Zero(t, open.Load(), "%s: the stream is closed", name)
			}
			require.Equal(t, 100, n.Accepted())
		})
	}
}

// Streams that stay open are closed 50 ms after their answers, even if there are many. They hold
// connections or links that other calls need.
func TestManyAnsweredStreamsThatStayOpen(t *testing.T) {
	var open atomic.Int64
	hold := answering(func(_ http.ResponseWriter, r *http.Request) {
		open.Add(1)
		defer open.Add(-1)
		<-r.Context().Done()
	})
	overNetwork(t, hold, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		for range 32 {
			require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
		}
		synctest.Wait()
		time.Sleep(2 * drainTime)
		synctest.Wait()
		require.Zero(t, open.Load())
	})
}

// The context of a call ends when its stream is drained.
func TestDrainEndsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tail := range []io.Reader{strings.NewReader(""), &endless{'x', 10 << 20}, newHangingBody("")} {
			body := &trackedBody{Reader: io.MultiReader(strings.NewReader(answerEvent), tail)}
			var inFlight *http.Request
			c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
				inFlight = req
				resp := respond(http.StatusOK, typeStream, body)
				if hanging, ok := tail.(*hangingBody); ok {
					hanging.text = strings.NewReader(answerEvent)
					resp.Body = hanging
				}
				return resp, nil
			}))
			require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
			<-inFlight.Context().Done()
			synctest.Wait()
			require.Less(t, body.read.Load(), int64(256<<10), "the number of drained bytes is bounded")
		}
	})
}

// Without Request.Cancel, a stream is also drained, but only until the context ends.
func TestDrainWithoutCancel(t *testing.T) {
	for _, lasts := range []time.Duration{drainTime / 5, time.Minute} {
		var open atomic.Int64
		hold := answering(func(_ http.ResponseWriter, r *http.Request) {
			open.Add(1)
			defer open.Add(-1)
			<-r.Context().Done()
		})
		overNetwork(t, hold, func(t *testing.T, _ *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt)
			ctx, cancel := context.WithTimeout(t.Context(), lasts)
			defer cancel()
			require.NoError(t, c.Call(ctx, c.legacy(), toolCall(), new(heard)))
			require.EqualValues(t, 1, open.Load())
			time.Sleep(min(lasts, drainTime))
			synctest.Wait()
			require.Zero(t, open.Load())
		})
	}
	over := answering(nil)
	overNetwork(t, over, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		for range 100 {
			require.NoError(t, c.Call(t.Context(), c.legacy(), toolCall(), new(heard)))
			synctest.Wait() // the drain is over
		}
		require.Equal(t, 1, n.Accepted())
	})
}

// Close does not wait for streams to end, and streams answered later are not drained.
func TestCloseCutsDrainsShort(t *testing.T) {
	hold := answering(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	overNetwork(t, hold, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
		c := newConn(t, rt)
		for range drainQueue + 20 { // more than fit in the queue
			require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
		}
		start := time.Now()
		c.Close()
		require.LessOrEqual(t, time.Since(start), drainTime, "for all streams together")
		require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)), "a late call still gets its answer")
		c.Close()
		synctest.Wait()
		require.Zero(t, openLinks(n))
	})
}

// openLinks returns the number of connections whose dialing end is still open.
func openLinks(n *memnet.Network) int {
	count := 0
	for _, link := range n.Links() {
		if link.SetDeadline(time.Time{}) == nil {
			count++
		}
	}
	return count
}

// Draining ends even if the body ignores its context. Only Close reliably ends a blocked Read.
func TestDrainOfABodyThatOnlyCloseEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := newHangingBody(answerEvent)
		c := newConn(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, body) }))
		require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
		start := time.Now()
		<-body.closed
		require.Equal(t, drainTime, time.Since(start))
	})
}

// A stream that was read to its end with the answer is over when the call returns. The next call
// has its connection, and nothing is left to drain.
func TestStreamThatEndsWithItsAnswerIsNotDrained(t *testing.T) {
	for name, size := range map[string]int{"with Content-Length": 0, "chunked": 3000} {
		whole := func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", typeStream)
			_, _ = io.WriteString(w, ":"+strings.Repeat(" ", size)+"\n"+answerEvent)
		}
		overNetwork(t, whole, func(t *testing.T, n *memnet.Network, rt transport.Transport) {
			c := newConn(t, rt)
			for range 100 {
				require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)), name)
				require.Nil(t, c.drain.queue, "%s: the drainer was not needed", name)
			}
			require.Equal(t, 1, n.Accepted(), name)
		})
	}
}

// The same holds over any RoundTripper whose bodies return io.EOF with their last bytes.
func TestStreamOfAnyRoundTripperThatEndsWithItsAnswer(t *testing.T) {
	body := &trackedBody{Reader: iotest.DataErrReader(strings.NewReader(answerEvent))}
	c := newConn(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, body) }))
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
	require.Nil(t, c.drain.queue)
	require.EqualValues(t, 1, body.closed.Load())
}

// endingBody is a body that knows whether its end has arrived.
type endingBody struct {
	trackedBody

	ending bool
}

func (b *endingBody) Ending() bool { return b.ending }

// If the end of the stream has arrived behind the answer, the call reads it. If not, or if data
// arrived instead, the stream is drained in the background.
func TestArrivedEndOfAStreamIsReadByTheCall(t *testing.T) {
	for _, test := range []struct {
		tail    string
		ending  bool
		drained bool
	}{{"", true, false}, {"", false, true}, {": more\n\n", true, true}} {
		synctest.Test(t, func(t *testing.T) {
			body := &endingBody{ending: test.ending}
			body.Reader = io.MultiReader(strings.NewReader(answerEvent), strings.NewReader(test.tail))
			c := newConn(t, always(func() *http.Response { return respond(http.StatusOK, typeStream, body) }))
			require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
			require.Equal(t, test.drained, c.drain.queue != nil)
			if !test.drained {
				require.EqualValues(t, 1, body.closed.Load(), "closed before the call returns")
			}
			synctest.Wait()
			require.EqualValues(t, 1, body.closed.Load())
			require.EqualValues(t, len(answerEvent)+len(test.tail), body.read.Load())
		})
	}
}
