package agent

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// say writes a piece of a body and flushes it.
func say(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	w.(http.Flusher).Flush()
}

func TestBufferedResponse(t *testing.T) {
	body := strings.Repeat("0123456789", 100_000)
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		p := params{"method": "GET", "url": upstream, "requestId": ""}
		require.Equal(w.t, body, string(w.ok(p).BodyBase64), "streamResponse and redirectPolicy may be absent")
		require.Equal(w.t, body, string(w.ok(p).BodyBase64), "with the same id, which has no meaning here")
	})
	inWorld(t, &Options{MaxBuffered: int64(len(body) - 1)}, handler, func(w *world) {
		w.handshake()
		e := w.refused(params{"method": "GET", "url": upstream, "requestId": ""})
		require.Equal(w.t, "maybeSent permanent", e.stage())
		require.Contains(w.t, e.Message, "too large without streaming")
		w.ok(get(upstream, "a"))
		require.Len(w.t, w.body("a"), len(body), "a streamed body has no limit")
	})
}

// A piece is sent as soon as it arrives, and the headers are sent before the first piece.
func TestPiecesAreSentAtOnce(t *testing.T) {
	next := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		say(w, "")
		for _, text := range []string{"data: 0\n\n", "data: 1\n\n"} {
			<-next
			say(w, text)
		}
		<-next
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		head := w.ok(get(upstream, "http-1"))
		require.Equal(w.t, 200, head.Status)
		require.Empty(w.t, head.BodyBase64)
		for i := range 2 {
			next <- struct{}{}
			require.Equal(w.t, &delta{RequestID: "http-1", Seq: int64(i + 1), DeltaBase64: fmt.Appendf(nil, "data: %d\n\n", i)}, w.delta("http-1", int64(i+1)))
		}
		next <- struct{}{}
		require.Equal(w.t, &delta{RequestID: "http-1", Seq: 3, DeltaBase64: []byte{}, Done: true}, w.delta("http-1", 3))
	})
}

// A delta has all the members that codex sends, and no others.
func TestDeltaOnTheWire(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		w.ok(get(upstream, "a"))
		for _, want := range []string{
			`{"method":"http/request/bodyDelta","params":{"requestId":"a","seq":1,"deltaBase64":"aGVsbG8=","done":false,"error":null}}`,
			`{"method":"http/request/bodyDelta","params":{"requestId":"a","seq":2,"deltaBase64":"","done":true,"error":null}}`,
		} {
			data, err := w.link.Receive()
			require.NoError(w.t, err)
			require.Equal(w.t, want, string(data))
		}
	})
}

func TestLargeBody(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
	handler := func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(got, body) {
			panic(err)
		}
		_, _ = w.Write(body)
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		w.ok(get(upstream, "a").with("method", "POST").with("bodyBase64", body))
		require.True(w.t, bytes.Equal(body, w.body("a")))
	})
}

func TestIDsOfStreams(t *testing.T) {
	release := make(chan struct{})
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			say(w, "")
			<-release
		}
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		end := sync.OnceFunc(func() { close(release) })
		defer end()
		w.ok(get(upstream+"/wait", "a"))
		e := w.refused(get(upstream, "a"))
		require.Equal(w.t, -32602, e.Code)
		require.Equal(w.t, "http/request streamResponse requestId `a` is already active", e.Message)
		require.Equal(w.t, 200, w.ok(get(upstream, "a").with("streamResponse", false)).Status, "without streaming the id does not matter")
		end()
		w.body("a")
		for range 200 { // an id is free again after the last frame and after a failure
			w.ok(get(upstream, "a"))
			require.Empty(w.t, w.body("a"))
			w.refused(get("http://127.0.0.1:9/", "a"))
		}
	})
}

// An exchange that is blocked does not block the other exchanges of its link.
func TestExchangesRunConcurrently(t *testing.T) {
	release := make(chan struct{})
	handler := func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-release
		}
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		first := w.request(get(upstream+"/wait", "a"))
		w.ok(get(upstream, "b"))
		w.body("b")
		close(release)
		require.Equal(w.t, first, string(w.receive().ID))
		w.body("a")
	})
}

// With one slot, the second request waits for the headers of the first but not for its body, and
// deltas are still sent. The number of waiting exchanges is bounded.
func TestSlots(t *testing.T) {
	var gates map[string]chan struct{} // made in the synctest bubble, so that a goroutine waiting for one counts as idle
	var order []string
	handler := func(w http.ResponseWriter, r *http.Request) {
		order = append(order, r.URL.Path)
		switch r.URL.Path {
		case "/headers":
			<-gates["/headers"]
		case "/body":
			say(w, "")
			<-gates["/body"]
			say(w, "piece")
		}
	}
	inWorld(t, &Options{Concurrent: 1, MaxExchanges: 4}, handler, func(w *world) {
		gates = map[string]chan struct{}{"/headers": make(chan struct{}), "/body": make(chan struct{})}
		w.handshake()
		w.ok(get(upstream+"/body", "stream"))
		waiting := []string{w.request(get(upstream+"/headers", "1")), w.request(get(upstream+"/2", "2")), w.request(get(upstream+"/3", "3"))}
		e := w.refused(get(upstream+"/4", "4"))
		require.Equal(w.t, "notSent", e.stage())
		require.Equal(w.t, -32603, e.Code)
		close(gates["/body"])
		require.Equal(w.t, "piece", string(w.body("stream")))
		synctest.Wait()
		require.Equal(w.t, []string{"/body", "/headers"}, order)
		close(gates["/headers"])
		answers := map[string]bool{}
		for len(answers) < len(waiting) {
			if m := w.receive(); m.Method == "" {
				answers[string(m.ID)] = true
			}
		}
		require.Equal(w.t, []string{"/body", "/headers", "/2", "/3"}, order)
	})
}

// If the connection to the client is lost, the agent aborts every exchange, regardless of what the
// exchange is waiting for. Every server sees its request end.
func TestLossOfTheLinkAbortsEverything(t *testing.T) {
	var aborted atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			say(w, "piece")
		}
		<-r.Context().Done()
		aborted.Add(1)
	}
	for name, lose := range map[string]func(w *world){
		"close": func(w *world) { require.NoError(w.t, w.conn.Close()) },
		"reset": func(w *world) { w.conn.Reset() },
		"cut":   func(w *world) { w.conn.Cut() },
		"end":   func(w *world) { w.end() },
	} {
		t.Run(name, func(t *testing.T) {
			aborted.Store(0)
			inWorld(t, &Options{Concurrent: 3}, handler, func(w *world) {
				w.handshake()
				w.ok(get(upstream+"/body", "a"))
				require.Equal(w.t, "piece", string(w.delta("a", 1).DeltaBase64))
				w.request(get(upstream+"/headers", "b"))
				w.request(get(upstream+"/headers", "c").with("streamResponse", false))
				w.request(get(upstream+"/body", "d").with("streamResponse", false))
				w.request(get(upstream+"/headers", "waits for a slot"))
				synctest.Wait()
				lose(w)
				err := <-w.served
				w.served = nil
				require.Equal(w.t, name == "close", err == nil, "%v", err)
				synctest.Wait()
				require.Equal(w.t, int32(4), aborted.Load())
			})
		})
	}
}

// If a client stops reading, the server can send only as much as fixed-size buffers hold. When the
// client reads again, it receives everything.
func TestBackPressure(t *testing.T) {
	const total = 2 << 20
	var sent atomic.Int64
	handler := func(w http.ResponseWriter, _ *http.Request) {
		piece := bytes.Repeat([]byte("x"), 16<<10)
		for sent.Load() < total {
			n, err := w.Write(piece)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		w.request(get(upstream, "a"))
		synctest.Wait()
		// The buffers hold 256 KiB being sent, 256 KiB read ahead, and about 64 KiB in the
		// connection.
		require.Less(w.t, sent.Load(), int64(768<<10), "the server is held up")
		require.Equal(w.t, 200, w.response().Result.Status)
		require.Len(w.t, w.body("a"), total)
	})
}

func TestTimeouts(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			say(w, "piece")
		}
		<-r.Context().Done()
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		for path, stage := range map[string]string{"/headers?secret": "maybeSent", "/body?secret": "maybeSent"} {
			began := time.Now()
			e := w.refused(get(upstream+path, "a").with("timeoutMs", 1500).with("streamResponse", false))
			require.Equal(w.t, 1500*time.Millisecond, time.Since(began), "of fake time")
			require.Contains(w.t, e.Message, errTimeout.Error())
			require.Equal(w.t, stage, e.stage())
			require.Equal(w.t, -32603, e.Code)
			require.NotContains(w.t, e.Message, "secret")
		}
		e := w.refused(get(upstream, "a").with("timeoutMs", 0))
		require.Equal(w.t, "notSent", e.stage())
		w.ok(get(upstream+"/body?secret", "a").with("timeoutMs", 1500))
		w.delta("a", 1)
		d := w.delta("a", 2)
		require.True(w.t, d.Done)
		require.Equal(w.t, "the response body was cut off: "+errTimeout.Error(), *d.Error)
		w.ok(get(upstream+"/body", "b").with("timeoutMs", int64(1)<<62))
		require.False(w.t, w.delta("b", 1).Done, "longer than a time.Duration can say")
	})
}

func TestFailures(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.serveRaw("127.0.0.1:81", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut")
		w.serveRaw("127.0.0.1:82", "")
		w.serveRaw("127.0.0.1:83", "220 mail.example ESMTP\r\n")
		w.handshake()
		for url, stage := range map[string]string{
			"http://127.0.0.1:9/?secret":  "notSent",   // no listener
			"http://127.0.0.1:82/?secret": "maybeSent", // closes the connection
			"http://127.0.0.1:83/?secret": "maybeSent", // not HTTP
		} {
			e := w.refused(get(url, "a"))
			require.Equal(w.t, stage, e.stage(), url)
			require.Equal(w.t, -32603, e.Code)
			require.Contains(w.t, e.Message, "http/request failed: ", "codex looks for this text before it retries")
			require.NotContains(w.t, e.Message, "secret")
		}
		e := w.refused(get("http://127.0.0.1:81/", "a").with("streamResponse", false))
		require.Equal(w.t, "failed to read http/request response body: unexpected EOF", e.Message)
		require.Equal(w.t, "maybeSent", e.stage())
		w.ok(get("http://127.0.0.1:81/", "a"))
		require.Equal(w.t, "cut", string(w.delta("a", 1).DeltaBase64))
		d := w.delta("a", 2)
		require.True(w.t, d.Done)
		require.NotNil(w.t, d.Error)
		require.Equal(w.t, "the response body was cut off: unexpected EOF", *d.Error)
	})
}

// net/http repeats some requests by itself. A POST through the agent runs only once.
func TestPostRunsOnce(t *testing.T) {
	var runs atomic.Int32
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if runs.Add(1) == 2 { // on the connection that was reused
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "done")
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		post := get(upstream, "a").with("method", "POST").with("bodyBase64", "e30=").with("headers", headers("idempotency-key", "1"))
		w.ok(post)
		w.body("a")
		require.Equal(w.t, "maybeSent", w.refused(post).stage())
		require.Equal(w.t, int32(2), runs.Load())
	})
}

func TestConnectionsAreReused(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		for range 10 {
			w.ok(get(upstream, "a"))
			w.body("a")
		}
		require.Equal(w.t, 2, w.net.Dialed(), "the link, and one to the server")
	})
}

// A message over the limit ends the link.
func TestMessageOverTheLimit(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		go func() {
			piece := bytes.Repeat([]byte("x"), 1<<20)
			for {
				if _, err := w.conn.Write(piece); err != nil {
					return
				}
			}
		}()
		require.ErrorContains(w.t, <-w.served, "over the limit")
		w.served = nil
	})
}
