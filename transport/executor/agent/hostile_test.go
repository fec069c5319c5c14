package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
)

// attack is what one hostile client does on its link, after the handshake. It returns when the link
// ends, at the latest.
type attack func(c *client, raw *memnet.Conn)

// flood sends n requests, whatever the agent answers.
func flood(n int, p params) attack {
	return func(c *client, _ *memnet.Conn) {
		text, err := json.Marshal(p)
		if err != nil {
			panic(err)
		}
		for i := range n {
			if c.link.Send(fmt.Appendf(nil, `{"id":%d,"method":"http/request","params":%s}`, i, text)) != nil {
				return
			}
		}
	}
}

// unfinished sends n bytes of a message that never ends.
func unfinished(n int) attack {
	return func(_ *client, raw *memnet.Conn) {
		_, _ = raw.Write([]byte(`{"id":7,"method":"http/request","params":{"bodyBase64":"`))
		_, _ = io.Copy(raw, io.LimitReader(endlessly('A'), int64(n)))
	}
}

// endlessly is a reader of one byte without end.
type endlessly byte

func (e endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// hostileServer never answers /wait, and sends 1 MiB otherwise.
func hostileServer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/wait":
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	case "/hello":
		hello(w, r)
	default:
		_, _ = io.CopyN(w, endlessly('x'), 1<<20)
	}
}

var attacks = map[string]struct {
	do    attack
	reads bool // the client reads what the agent sends
}{
	"responses that are not streamed and not read": {do: flood(1024, get(upstream+"/big", "").with("streamResponse", false))},
	"streams that are not read":                    {do: floodStreams(1024)},
	"8 MiB of headers":                             {do: flood(12, get(upstream+"/wait", "").with("streamResponse", false).with("headers", manyHeaders(8<<20)))},
	"8 MiB of headers, refusals read":              {do: flood(12, get(upstream+"/wait", "").with("streamResponse", false).with("headers", manyHeaders(8<<20))), reads: true},
	"long URLs":                                    {do: flood(30, get(upstream+"/wait?"+strings.Repeat("x", 2<<20), "").with("streamResponse", false))},
	"large bodies":                                 {do: flood(20, get(upstream+"/wait", "").with("streamResponse", false).with("method", "POST").with("bodyBase64", make([]byte, 3<<20)))},
	"messages that stop in the middle":             {do: unfinished(5 << 20)},
	"messages that stop after one byte":            {do: unfinished(0)},
	"10,000 requests":                              {do: flood(10_000, get(upstream+"/wait", "").with("streamResponse", false))},
	"10,000 requests, refusals read":               {do: flood(10_000, get(upstream+"/wait", "").with("streamResponse", false)), reads: true},
	"10,000 refused requests":                      {do: flood(10_000, get("http://169.254.169.254/", "").with("streamResponse", false))},
	"1,024 exchanges":                              {do: floodStreams(1024), reads: true},
}

// floodStreams starts n streams of 1 MiB each.
func floodStreams(n int) attack {
	return func(c *client, raw *memnet.Conn) {
		for i := range n {
			flood(1, get(upstream+"/big", fmt.Sprint(i)))(c, raw)
		}
	}
}

// manyHeaders returns header fields of size bytes in total.
func manyHeaders(size int) []map[string]string {
	const fields = 1000
	list := make([]map[string]string, fields)
	for i := range list {
		list[i] = map[string]string{"name": fmt.Sprintf("x-%d", i), "value": strings.Repeat("v", size/fields)}
	}
	return list
}

// Whatever five hostile clients do, the bytes that the agent holds stay within its budget, and
// another client is served.
func TestHostileClients(t *testing.T) {
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			const limit = 64 << 20
			inWorld(t, &Options{Budget: NewBudget(limit)}, hostileServer, func(w *world) {
				var hostile []*memnet.Conn
				for range 5 {
					hostile = append(hostile, w.attack(a.do, a.reads))
				}
				time.Sleep(10 * time.Second)
				s := w.budget.Stats()
				require.LessOrEqual(w.t, s.HeldPeak, int64(limit))
				require.Equal(w.t, int64(6), s.Links+s.Evictions)

				honest := w.join()
				honest.ok(get(upstream+"/hello", "a"))
				require.Equal(w.t, "hello", string(honest.body("a")))
				post := get(upstream+"/hello", "").with("method", "POST").with("bodyBase64", make([]byte, 100<<10))
				require.Equal(w.t, "hello", string(honest.ok(post.with("streamResponse", false)).BodyBase64))
				for _, conn := range hostile {
					_ = conn.Close()
				}
				synctest.Wait()
				require.Equal(w.t, int64(2*linkCost), w.budget.Stats().Held, "what the hostile clients held is free")
				require.Less(w.t, s.Evictions, int64(5), "one client at a time")
			})
		})
	}
}

// attack starts a hostile client and returns its end of the link.
func (w *world) attack(do attack, reads bool) *memnet.Conn {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	c, raw, served := w.connect(ctx, &w.opts)
	c.handshake()
	done := make(chan struct{})
	go func() { defer close(done); do(c, raw) }()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for reads {
			if _, err := c.link.Receive(); err != nil {
				return
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		_ = raw.Close()
		<-served
		<-done
		<-drained
	})
	return raw
}

// A message that was begun must arrive in time. Between messages a link may be idle.
func TestMessageThatIsLate(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, ends time.Duration
		size          int
	}{
		"one byte": {0, time.Minute, 0}, "many bytes": {0, time.Minute, 100 << 10}, "an option": {time.Second, time.Second, 10}, "no limit": {-1, 0, 10},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, &Options{MessageTimeout: c.timeout}, hello, func(w *world) {
				w.handshake()
				time.Sleep(time.Hour)
				require.Equal(w.t, 200, w.ok(get(upstream, "a")).Status)
				w.body("a")
				began := time.Now()
				unfinished(c.size)(w.client, w.conn)
				if c.ends == 0 {
					time.Sleep(time.Hour)
					synctest.Wait()
					require.Empty(w.t, w.served)
					return
				}
				require.ErrorIs(w.t, <-w.served, errLate)
				w.served = nil
				require.Equal(w.t, c.ends, time.Since(began))
				require.Equal(w.t, int64(1), w.budget.Stats().LateMessages)
			})
		})
	}
}

// A message in small pieces is not late, even if other messages take their time as well.
func TestSlowMessages(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		for range 5 {
			for _, b := range []byte(`{"id":1,"method":"environment/info"}` + "\n") {
				time.Sleep(time.Second)
				_, err := w.conn.Write([]byte{b})
				require.NoError(w.t, err)
			}
			require.NotNil(w.t, w.receive().ID)
		}
	})
}

// A request for which there is no room fails, and the same request succeeds once there is room. The
// link goes on, even if the message did not fit.
func TestRequestOverTheBudget(t *testing.T) {
	const limit = 4 << 20
	inWorld(t, &Options{Budget: NewBudget(limit)}, hello, func(w *world) {
		w.handshake()
		post := get(upstream, "").with("streamResponse", false).with("method", "POST")
		for _, size := range []int{1 << 20, 2 << 20, 8 << 20} {
			e := w.refused(post.with("bodyBase64", make([]byte, size)))
			require.Equal(w.t, -32603, e.Code)
			require.Equal(w.t, "http/request failed: the executor's memory budget is used up", e.Message)
			require.Equal(w.t, "notSent", e.stage(), "a retry may succeed")
			require.Equal(w.t, "hello", string(w.ok(post.with("bodyBase64", make([]byte, 100<<10))).BodyBase64))
		}
		require.Equal(w.t, int64(3), w.budget.Stats().Overflows)
		w.id = 0
		w.sendf(`{"method":"http/request","params":{"bodyBase64":"%s"},"id":1}`, bytes.Repeat([]byte("A"), limit))
		m := w.receive()
		require.Equal(w.t, "-1", string(m.ID), "the id is not at the beginning, so it is unknown")
		require.Equal(w.t, -32603, m.Error.Code)
	})
}

// A response for which there is no room fails. Streamed, the same response succeeds.
func TestResponseOverTheBudget(t *testing.T) {
	inWorld(t, &Options{Budget: NewBudget(4 << 20)}, hostileServer, func(w *world) {
		w.handshake()
		e := w.refused(get(upstream+"/big", "").with("streamResponse", false))
		require.Equal(w.t, -32603, e.Code)
		require.Contains(w.t, e.Message, "the executor's memory budget is used up")
		require.Equal(w.t, "maybeSent", e.stage())
		w.ok(get(upstream+"/big", "a"))
		require.Len(w.t, w.body("a"), 1<<20)
	})
	inWorld(t, &Options{Budget: NewBudget(700 << 10)}, hostileServer, func(w *world) {
		w.handshake()
		w.ok(get(upstream+"/big", "a"))
		require.Len(w.t, w.body("a"), 1<<20, "without read-ahead")
	})
}

// The headers of a response have a limit, and count until they are sent.
func TestLargeResponseHeaders(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", len(r.URL.RawQuery)<<10))
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		head := w.ok(get(upstream+"?"+strings.Repeat("q", 100), "").with("streamResponse", false))
		require.Len(w.t, head.header("x-large")[0], 100<<10)
		require.Equal(w.t, "maybeSent", w.refused(get(upstream+"?"+strings.Repeat("q", 140), "")).stage())
	})
}

// A link that gets no room is refused.
func TestLinkOverTheBudget(t *testing.T) {
	b := NewBudget(5 * linkCost)
	inWorld(t, &Options{Budget: b}, hello, func(w *world) {
		w.handshake()
		var others []*account
		for a, err := b.open(); err == nil; a, err = b.open() {
			others = append(others, a)
		}
		refused, _, served := w.connect(w.t.Context(), &w.opts)
		require.ErrorIs(w.t, <-served, errBudget)
		_ = refused.link.Close()
		for _, a := range others {
			a.close(0)
		}
	})
}

// The largest message fits into the budget of an idle agent with the default options.
func TestLargestMessage(t *testing.T) {
	inWorld(t, nil, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}, func(w *world) {
		w.handshake()
		const before, after = `{"id":1,"method":"http/request","params":{"method":"POST","url":"` + upstream + `","requestId":"a","bodyBase64":"`, `"}}`
		text := strings.Repeat("AAAA", (DefaultMaxMessage-len(before+after))/4)
		w.id = 1
		w.sendf("%s%s%s", before, text, after)
		m := w.response()
		require.Nil(w.t, m.Error, "%+v", m.Error)
		require.Equal(w.t, fmt.Sprint(len(text)/4*3), string(m.Result.BodyBase64))
	})
}

// Options.MaxMessage ends a link with a longer message.
func TestMaxMessage(t *testing.T) {
	for _, size := range []int{1000, 100 << 10} {
		inWorld(t, &Options{MaxMessage: size}, hello, func(w *world) {
			w.handshake()
			w.sendf("%s", bytes.Repeat([]byte("x"), size))
			require.Equal(w.t, "-1", string(w.receive().ID), "it fits, and is not JSON")
			_ = w.link.Send(bytes.Repeat([]byte("x"), size+1))
			require.ErrorContains(w.t, <-w.served, "over the limit")
			w.served = nil
		})
	}
}

// An exchange whose response the client does not read keeps its place, so the client cannot have
// more of them than Options.MaxExchanges.
func TestUnreadResponsesKeepTheirPlaces(t *testing.T) {
	inWorld(t, &Options{MaxExchanges: 8}, hostileServer, func(w *world) {
		w.handshake()
		for range 7 {
			w.request(get(upstream+"/big", "").with("streamResponse", false))
		}
		synctest.Wait()
		require.Equal(w.t, int64(6), w.budget.Stats().Exchanges, "the first message is being sent")
		w.request(get(upstream+"/big", "").with("streamResponse", false))
		w.request(get(upstream+"/big", "").with("streamResponse", false))
		w.request(get(upstream+"/big", "").with("streamResponse", false))
		sent, refused := 0, 0
		for range 10 {
			if m := w.receive(); m.Error == nil {
				sent++
			} else {
				require.Contains(w.t, m.Error.Message, "too many exchanges on this link")
				refused++
			}
		}
		require.Equal(w.t, []int{9, 1}, []int{sent, refused})
	})
}

// A Link of the user's own cannot ask before it holds a message. The agent counts the message once
// it is there.
func TestMessageOfAnotherLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := link.Pipe(DefaultMaxMessage)
		b := NewBudget(4 << 20)
		served := make(chan error, 1)
		go func() { served <- Serve(t.Context(), far, &Options{Budget: b, MaxMessage: 8 << 20}) }()
		c := &client{t: t, link: near}
		c.handshake()
		e := c.refused(get(upstream, "a").with("bodyBase64", make([]byte, 2<<20)))
		require.Equal(t, "notSent", e.stage())
		require.Contains(t, e.Message, "memory budget")
		require.Equal(t, "notSent", c.refused(get("http://127.0.0.1:9/", "a")).stage())
		require.Equal(t, int64(linkCost), b.Stats().Held)
		c.sendf("%s", bytes.Repeat([]byte("x"), 8<<20+1))
		require.ErrorIs(t, <-served, link.ErrTooLarge)
		require.NoError(t, near.Close())
	})
}
