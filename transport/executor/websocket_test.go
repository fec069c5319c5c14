package executor_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// wire is an executor on loopback that a test controls frame by frame. After each handshake, it
// runs play on the link.
type wire struct {
	*testing.T
	url string
}

// socket is the far end of one link of a wire.
type socket struct {
	*websocket.Conn
	under net.Conn
}

func newWire(t *testing.T, play func(*socket)) *wire {
	t.Helper()
	return newWireThatGreets(t, `{"environmentInfo":{"capabilities":{"httpReady":true}}}`, play)
}

// newWireThatGreets is newWire with a result of initialize.
func newWireThatGreets(t *testing.T, result string, play func(*socket)) *wire {
	t.Helper()
	var links sync.WaitGroup
	up := websocket.Upgrader{ReadBufferSize: 1 << 10, WriteBufferSize: 1 << 10}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(rw, r, nil)
		if err != nil {
			return
		}
		links.Add(1)
		defer links.Done()
		defer c.Close()
		s := &socket{c, c.NetConn()}
		m := s.next()
		if m == nil {
			return
		}
		s.send(string(execproto.AppendResult(nil, m.RawID, []byte(result))))
		if m = s.next(); m != nil && m.Method == execproto.MethodInitialized {
			play(s)
		}
	}))
	t.Cleanup(func() {
		links.Wait()
		srv.Close()
	})
	return &wire{t, "ws" + strings.TrimPrefix(srv.URL, "http")}
}

func (w *wire) dial(opts *executor.Options) transport.Transport {
	w.Helper()
	rt, err := executor.Dial(w.Context(), w.url, opts)
	require.NoError(w, err)
	w.Cleanup(func() { _ = rt.Close() })
	return rt
}

// next returns the next message, or nil at the end.
func (s *socket) next() *execproto.Message {
	_, data, err := s.ReadMessage()
	if err != nil {
		return nil
	}
	m := new(execproto.Message)
	if m.Read(data) != nil {
		return nil
	}
	return m
}

// request returns the ID of the next request, or "" at the end.
func (s *socket) request() string {
	m := s.next()
	if m == nil {
		return ""
	}
	return string(m.RawID)
}

func (s *socket) send(text string) { _ = s.WriteMessage(websocket.TextMessage, []byte(text)) }

// untilEnd waits until the client has closed the connection.
func (s *socket) untilEnd() {
	_, _ = io.Copy(io.Discard, s.under)
}

// A message that is larger than one frame is sent in frames of a size that an executor accepts.
func TestLargeRequestBody(t *testing.T) {
	var largest int64
	const size = 20 << 20
	w := newWire(t, func(s *socket) {
		// Read the frames one by one, as an executor does.
		for {
			n, final, err := skipFrame(s.under)
			if err != nil {
				return
			}
			largest = max(largest, n)
			if final && n < 60<<10 { // a final frame this small ends the message
				break
			}
		}
		s.send(`{"id":2,"result":{"status":200,"headers":[]}}`)
		s.send(`{"method":"http/request/bodyDelta","params":{"requestId":"2","seq":1,"done":true}}`)
		s.untilEnd()
	})
	rt := w.dial(nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mcp.test/", bytes.NewReader(make([]byte, size)))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, rt.Close())
	require.Positive(t, largest)
	require.LessOrEqual(t, largest, int64(execproto.MaxFrame))
}

// skipFrame reads one masked frame (RFC 6455 section 5.2).
func skipFrame(r io.Reader) (size int64, final bool, err error) {
	var h [2]byte
	if _, err = io.ReadFull(r, h[:]); err != nil {
		return 0, false, err
	}
	size = int64(h[1] & 0x7f)
	switch size {
	case 126:
		var n [2]byte
		_, err = io.ReadFull(r, n[:])
		size = int64(binary.BigEndian.Uint16(n[:]))
	case 127:
		var n [8]byte
		_, err = io.ReadFull(r, n[:])
		size = int64(binary.BigEndian.Uint64(n[:]))
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, r, 4+size)
	}
	return size, h[0]&0x80 != 0, err
}

func TestLargeBodiesBothWays(t *testing.T) {
	l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", nil)
	require.NoError(t, err)
	defer l.Close()
	url := upstream(t, func(rw http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		head, _ := io.ReadAll(io.LimitReader(io.TeeReader(r.Body, sum), 3<<20))
		_, _ = io.Copy(sum, r.Body)
		_, _ = rw.Write(append(head, sum.Sum(nil)...))
	})
	rt, err := executor.Dial(t.Context(), l.URL(), nil)
	require.NoError(t, err)
	defer rt.Close()
	body := bytes.Repeat([]byte(pattern(0, 1<<20)), 20)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	resp, err := rt.RoundTrip(req)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	sum := sha256.Sum256(body)
	require.True(t, bytes.Equal(append(body[:3<<20:3<<20], sum[:]...), got))
}

// After an executor was restarted, the first call succeeds, although the client has not yet read
// the end of the old link.
func TestStaleWebSocket(t *testing.T) {
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			url := upstream(t, echo)
			l, err := agent.Listen(t.Context(), "ws://127.0.0.1:0", nil)
			require.NoError(t, err)
			rt, err := executor.Dial(t.Context(), l.URL(), &executor.Options{Shared: mode.shared})
			require.NoError(t, err)
			defer rt.Close()
			for range 20 {
				got, err := postTo(t, rt, url)
				require.NoError(t, err)
				require.Equal(t, "hello", got)
				addr := l.URL()
				require.NoError(t, l.Close())
				l, err = agent.Listen(t.Context(), addr, nil)
				require.NoError(t, err)
			}
			require.NoError(t, l.Close())
		})
	}
}

// hostile are attacks of an executor on the client.
var hostile = map[string]struct {
	play func(s *socket, id string)
	text string
}{
	"a frame of 200 MiB": {text: "limit of 8388608 bytes", play: func(s *socket, _ string) {
		_, _ = s.under.Write([]byte{0x81, 127, 0, 0, 0, 0, 12, 128, 0, 0}) // only the header of a frame
		junk := make([]byte, 1<<20)
		for range 200 {
			if _, err := s.under.Write(junk); err != nil {
				return
			}
		}
	}},
	"a message of endless frames": {text: "limit of 8388608 bytes", play: func(s *socket, _ string) {
		_, err := s.under.Write([]byte{0x01, 126, 0xff, 0xff})
		for junk := make([]byte, 0xffff); err == nil; {
			if _, err = s.under.Write(junk); err == nil {
				_, err = s.under.Write([]byte{0x00, 126, 0xff, 0xff})
			}
		}
	}},
	"a frame of 2⁶³ bytes": {play: func(s *socket, _ string) {
		_, _ = s.under.Write([]byte{0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0})
	}},
	"no frame at all":      {play: func(s *socket, _ string) { _, _ = io.WriteString(s.under, "HTTP/1.1 400 Bad Request\r\n\r\n") }},
	"a masked frame":       {play: func(s *socket, _ string) { _, _ = s.under.Write([]byte{0x81, 0x82, 1, 2, 3, 4, 5, 6}) }},
	"a farewell":           {play: func(s *socket, _ string) { _ = s.WriteMessage(websocket.CloseMessage, nil) }},
	"the end":              {play: func(s *socket, _ string) { _ = s.under.Close() }},
	"half a message":       {play: func(s *socket, _ string) { _, _ = s.under.Write([]byte{0x81, 50, '{', '"'}); _ = s.under.Close() }},
	"binary garbage":       {play: func(s *socket, _ string) { _ = s.WriteMessage(websocket.BinaryMessage, []byte{0, 1, 2}) }},
	"an empty message":     {play: func(s *socket, _ string) { s.send("") }},
	"deeply nested":        {play: func(s *socket, _ string) { s.send(strings.Repeat("[", 1000)) }},
	"nested in the params": {play: func(s *socket, _ string) { s.send(`{"method":"x","params":` + strings.Repeat(`{"a":`, 1000)) }},
	"silence after the head": {text: errCause.Error(), play: func(s *socket, id string) {
		s.send(`{"id":` + id + `,"result":{"status":200}}`)
	}},
}

func TestHostileExecutors(t *testing.T) {
	for name, c := range hostile {
		for _, mode := range modes {
			t.Run(name+"/"+mode.name, func(t *testing.T) {
				w := newWire(t, func(s *socket) {
					id := s.request()
					if id == "" {
						return
					}
					c.play(s, id)
					s.untilEnd()
				})
				rt := w.dial(&executor.Options{Shared: mode.shared, Reconnect: -1})
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errCause)
				defer cancel()
				if c.text == "" {
					ctx = t.Context() // the client must notice the attack
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				resp, err := rt.RoundTrip(newRequest(ctx, t, http.MethodPost, "hello"))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
				}
				runtime.ReadMemStats(&after)
				requireStage(t, err, transport.MaybeSent, false, c.text)
				require.NotErrorIs(t, err, io.EOF)
				require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))
			})
		}
	}
}

// The answer to the warm-up is as hostile as any other message. An attack there ends the link before
// an exchange uses it, so nothing was sent.
func TestHostileExecutorsInTheWarmUp(t *testing.T) {
	for name, c := range hostile {
		t.Run(name, func(t *testing.T) {
			w := newWireThatGreets(t, `{}`, func(s *socket) {
				if id := s.request(); id != "" {
					c.play(s, id)
					s.untilEnd()
				}
			})
			rt, err := executor.Dial(t.Context(), w.url, nil)
			if err == nil { // the answer is valid, or the attack has not ended within a second
				require.NoError(t, rt.Close())
				return
			}
			requireStage(t, err, transport.NotSent, false)
			require.ErrorIs(t, err, executor.ErrLinkLost)
		})
	}
}
