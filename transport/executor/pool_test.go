package executor_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

func TestWaitersAreServedInOrder(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		first, firstCh := w.begin(t.Context(), w.l)
		secondCh := w.post(t.Context())
		other := w.x.Accept()
		second := other.Request(t)
		var waiting []<-chan outcome
		ctx, cancel := cancellable(t)
		for i := range 4 {
			c := t.Context()
			if i == 1 {
				c = ctx
			}
			req := newRequest(c, t, http.MethodPost, string(rune('a'+i)))
			waiting = append(waiting, w.send(req))
			synctest.Wait()
		}
		cancel()
		err := w.failed(waiting[1])
		requireStage(t, err, transport.NotSent, false, "wait for a link")
		require.ErrorIs(t, err, errCause)

		first.Answer(http.StatusOK, "fine") // its link goes to the first waiter
		requireBody(t, w.response(firstCh), "fine", nil)
		a := w.l.Request(t)
		require.Equal(t, "a", string(a.Body))
		other.Cut() // a lost link makes room for a new one
		requireStage(t, w.failed(secondCh), transport.MaybeSent, false)
		_ = second
		third := w.x.Accept()
		c := third.Request(t)
		require.Equal(t, "c", string(c.Body))
		pending(t, waiting[3])
		c.Answer(http.StatusOK, "fine")
		require.Equal(t, "d", string(third.Request(t).Body))
		require.Equal(t, 3, w.x.Dials())
	})
}

// If a waiter's context ends as it is granted a link, the next waiter gets the link.
func TestGrantAfterTheWaiterGaveUp(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		x := &exectest.Executor{Serve: func(l *exectest.Link) { answerAll(l, quick) }}
		rt, err := executor.Open(t.Context(), x.Dial, &executor.Options{MaxLinks: 2})
		require.NoError(t, err)
		defer rt.Close()
		w := &world{T: t, x: x, rt: rt}
		for range 200 {
			first, second := w.post(t.Context()), w.post(t.Context())
			synctest.Wait()
			ctx, cancel := context.WithTimeoutCause(t.Context(), quick, errCause)
			third := w.post(ctx)
			for _, ch := range []<-chan outcome{first, second} {
				requireBody(t, w.response(ch), "fine", nil)
			}
			if o := <-third; o.err == nil {
				require.NoError(t, o.resp.Body.Close())
			} else {
				require.ErrorIs(t, o.err, errCause)
			}
			cancel()
		}
		time.Sleep(2 * quick) // the delay that the executor adds
	})
}

// answerAll answers the requests on l in sequence, as an executor does.
func answerAll(l *exectest.Link, after time.Duration) {
	for {
		r, err := l.NextRequest()
		if err != nil {
			return
		}
		time.Sleep(after)
		r.Answer(http.StatusOK, "fine")
	}
}

func TestIdleLinks(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxIdleLinks: 2})
		links := []*exectest.Link{w.l}
		var rs []*exectest.Request
		var chs []<-chan outcome
		for i := range 4 {
			ch := w.post(t.Context())
			if i > 0 {
				links = append(links, w.x.Accept())
			}
			rs, chs = append(rs, links[i].Request(t)), append(chs, ch)
		}
		for i, r := range rs {
			r.Answer(http.StatusOK, "")
			requireBody(t, w.response(chs[i]), "", nil)
			synctest.Wait()
		}
		requireEnded(t, links[2], "only two links are kept")
		requireEnded(t, links[3])
		time.Sleep(executor.DefaultIdleTimeout - quick)
		w.works(links[1]) // the most recently used link
		time.Sleep(2 * quick)
		requireEnded(t, links[0], "kept for IdleTimeout and no longer")
		w.works(links[1])
		time.Sleep(executor.DefaultIdleTimeout + quick)
		requireEnded(t, links[1])
		w.worksOnNewLink()
	})
}

func TestIdleLinksAreNotKept(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxIdleLinks: -1})
		requireEnded(t, w.l)
		for range 3 {
			requireEnded(t, w.worksOnNewLink())
		}
	})
}

func TestIdleLinksAreKeptForever(t *testing.T) {
	inBothModes(t, executor.Options{IdleTimeout: -1}, func(w *world) {
		time.Sleep(1000 * time.Hour)
		w.works(w.l)
	})
}

// After an executor was restarted, a request goes over a new link. Nothing is sent over the old
// one.
func TestStaleLinks(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		w.works(w.l)
		synctest.Wait()
		w.x.CutAll() // the pool has not noticed yet
		w.worksOnNewLink()
		require.Equal(w, 2, w.x.Dials())
	})
}

// While shared streams are open, one link must be left for calls.
var sharedStreams = map[string]func(t *testing.T) *http.Request{
	"GET": func(t *testing.T) *http.Request {
		t.Helper()
		req := newRequest(t.Context(), t, http.MethodGet, "")
		req.Header.Set("Accept", "text/event-stream")
		return req
	},
	"listen": func(t *testing.T) *http.Request {
		t.Helper()
		req := newRequest(t.Context(), t, http.MethodPost, "{}")
		req.Header.Set("Mcp-Method", "subscriptions/listen")
		return req
	},
}

func TestSharedStreamsShareALink(t *testing.T) {
	for name, ask := range sharedStreams {
		fake(t, name, func(t *testing.T) {
			w := newWorld(t, executor.Options{MaxLinks: 2, Buffer: 1000})
			first := w.send(ask(t))
			r1 := w.l.Request(t)
			second := w.send(ask(t))
			synctest.Wait()
			third := w.send(ask(t))
			pending(t, second) // no link is shared before the first head, because the executor may be busy until then
			l := w.worksOnNewLink()
			r1.Head(http.StatusOK)
			resp1 := w.response(first)
			r2 := w.l.Request(t) // now the second stream shares the link
			pending(t, third)
			r2.Head(http.StatusOK)
			resp2 := w.response(second)
			r3 := w.l.Request(t)
			r3.Fail(execproto.CodeFailed, "no", nil)
			require.Error(t, w.failed(third))
			w.works(l) // calls use the other link
			r1.Piece("event")
			r2.Piece("other")
			r1.Done()
			requireBody(t, resp1, "event", nil)
			synctest.Wait()
			w.works(l)
			r2.Done()
			requireBody(t, resp2, "other", nil)
			synctest.Wait()
			r, resp := w.open(t.Context(), w.l) // the link can be used for any exchange again
			r.Piece(pattern(0, 900))
			r.Piece(pattern(900, 900))
			r.Done()
			synctest.Wait()
			requireBody(t, resp, pattern(0, 1800), nil)
			require.Equal(t, 2, w.x.Dials())
		})
	}
}

// If a stream on a shared link is canceled, the link is closed when the other streams have ended.
func TestSharedStreamIsCanceled(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		ask := sharedStreams["GET"]
		first := w.send(ask(t))
		r1 := w.l.Request(t)
		r1.Head(http.StatusOK)
		resp1 := w.response(first)
		leave := func() {
			other := w.send(ask(t))
			w.l.Request(t).Head(http.StatusOK)
			require.NoError(t, w.response(other).Body.Close())
		}
		for range 14 {
			leave()
		}
		ctx, cancel := cancellable(t)
		last := w.send(ask(t).WithContext(ctx))
		late := w.l.Request(t)
		next := w.send(ask(t))
		pending(t, next)
		cancel()
		require.Error(t, w.failed(last))
		late.Answer(http.StatusOK, "") // a stream that was canceled before its head may block the executor
		r := w.l.Request(t)
		r.Head(http.StatusOK)
		require.NoError(t, w.response(next).Body.Close())
		leave()
		full := w.send(ask(t)) // the link now has too many canceled streams
		pending(t, full)
		r1.Piece("continues")
		r1.Done()
		requireBody(t, resp1, "continues", nil)
		requireEnded(t, w.l, "only canceled streams were left")
		w.x.Accept().Request(t).Answer(http.StatusOK, "")
		requireBody(t, w.response(full), "", nil)
	})
}

// A shared link with unread messages is busy, not stale.
func TestSharedStreamsAreNotStale(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		ask := sharedStreams["GET"]
		first := w.send(ask(t))
		r1 := w.l.Request(t)
		r1.Head(http.StatusOK)
		resp1 := w.response(first)
		for range 40 { // more than the buffer holds, so the link's reader waits and messages stay unread
			r1.Piece(pattern(0, 20<<10))
		}
		synctest.Wait()
		second := w.send(ask(t))
		r2 := w.l.Request(t)
		r2.Head(http.StatusOK)
		resp2 := w.response(second)
		r1.Done()
		r2.Done()
		got := 0
		for b := make([]byte, 1<<20); ; {
			n, err := resp1.Body.Read(b)
			if got += n; err != nil {
				require.Equal(t, 40*20<<10, got)
				break
			}
		}
		requireBody(t, resp2, "", nil)
		require.Equal(t, 1, w.x.Dials())
	})
}

// A call does not share a link with a stream or with an exchange that waits for its head.
func TestCallsDoNotShare(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		first := w.send(sharedStreams["GET"](t))
		w.l.Request(t).Head(http.StatusOK)
		stream := w.response(first)
		call := w.post(t.Context())
		l := w.x.Accept()
		r := l.Request(t)
		waits := w.post(t.Context())
		pending(t, waits)
		r.Answer(http.StatusOK, "")
		requireBody(t, w.response(call), "", nil)
		l.Request(t).Answer(http.StatusOK, "")
		requireBody(t, w.response(waits), "", nil)
		require.NoError(t, stream.Body.Close())
	})
}

// A call may depend on another one: its server may wait for the client's response to a request.
// After a wait, a call may share a link if its executor is free and its bodies are not read slowly.
func TestCallSharesALinkAfterAWait(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 3})
		slow, slowResp := w.open(t.Context(), w.l)
		for i := range 4 { // the link's reader must wait
			slow.Piece(pattern(i*100_000, 100_000))
		}
		headless := w.post(t.Context())
		blocked := w.x.Accept().Request(t)
		asking := w.post(t.Context())
		l := w.x.Accept()
		call := l.Request(t)
		call.Head(http.StatusOK)
		resp := w.response(asking)
		call.Piece("a question")
		answer := w.post(t.Context())
		time.Sleep(time.Second - quick)
		pending(t, answer)
		time.Sleep(quick)
		l.Request(t).Answer(http.StatusAccepted, "")
		requireBody(t, w.response(answer), "", nil)
		call.Piece(", and the result")
		call.Done()
		requireBody(t, resp, "a question, and the result", nil)
		slow.Done()
		requireBody(t, slowResp, pattern(0, 400_000), nil)
		blocked.Answer(http.StatusOK, "fine")
		requireBody(t, w.response(headless), "fine", nil)
		require.Equal(t, 3, w.x.Dials())
	})
}

func TestReconnect(t *testing.T) {
	inBothModes(t, executor.Options{Reconnect: 10 * time.Second}, func(w *world) {
		w.x.CutAll()
		w.x.Away(errors.New("connection refused"))
		began := time.Now()
		chs := make([]<-chan outcome, 0, 20)
		for range cap(chs) {
			chs = append(chs, w.post(w.Context()))
		}
		time.Sleep(5 * time.Second)
		for _, ch := range chs {
			pending(w, ch)
		}
		before := w.x.Dials()
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.LessOrEqual(w, w.x.Dials()-before, 5*len(chs), "about one try per second")
		w.x.Serve = func(l *exectest.Link) { answerAll(l, 0) }
		w.x.Away(nil)
		for _, ch := range chs {
			requireBody(w, w.response(ch), "fine", nil)
		}
		require.Less(w, time.Since(began), 10*time.Second)
	})
}

// Each exchange that waits for a link fails after its own limit, however many exchanges wait.
func TestReconnectEndsInTime(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		w.x.CutAll()
		w.x.Away(errors.New("connection refused"))
		began := time.Now()
		var chs []<-chan outcome
		for range 60 {
			chs = append(chs, w.post(w.Context()))
		}
		for _, ch := range chs {
			requireStage(w, w.failed(ch), transport.NotSent, false, "connection refused")
		}
		require.LessOrEqual(w, time.Since(began), executor.DefaultReconnect)
	})
}
