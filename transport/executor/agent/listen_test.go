package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/link"
)

func listen(t *testing.T, opts *Options) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), "ws://127.0.0.1:0", opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func dial(t testing.TB, url string, header http.Header) (*client, error) {
	t.Helper()
	ws, err := (&link.Dialer{MaxMessage: 256 << 20, Timeout: 10 * time.Second}).Dial(context.WithoutCancel(t.Context()), url, header)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = ws.Close() })
	return &client{t: t, link: ws}, nil
}

func TestAddressesToListenAt(t *testing.T) {
	for address, text := range map[string]string{
		"":                        "invalid listen address",
		"127.0.0.1:0":             "invalid listen address",
		"ws://":                   "invalid listen address",
		"wss://127.0.0.1:0":       "wss",
		"http://127.0.0.1:0":      `got "http"`,
		"ws://localhost:0":        "host names are not resolved",
		"ws://127.0.0.1":          "expected IP:PORT",
		"ws://127.0.0.1:x":        "invalid listen address",
		"ws://127.0.0.1:99999":    "expected IP:PORT",
		"ws://127.0.0.1:0/":       "must not have a path, query or userinfo",
		"ws://127.0.0.1:0/x":      "must not have a path, query or userinfo",
		"ws://127.0.0.1:0?q":      "must not have a path, query or userinfo",
		"ws://me@127.0.0.1:0":     "must not have a path, query or userinfo",
		"ws://0.0.0.0:0":          "requires a token",
		"ws://[::]:0":             "requires a token",
		"ws://192.168.1.1:0":      "requires a token",
		"ws://[::ffff:1.2.3.4]:0": "requires a token",
	} {
		l, err := Listen(t.Context(), address, nil)
		require.Nil(t, l)
		require.ErrorContains(t, err, text, address)
	}
	l := listen(t, nil)
	require.Equal(t, "ws://"+l.Addr().String(), l.URL())
	_, err := Listen(t.Context(), l.URL(), nil)
	require.Error(t, err, "the port is taken")
	_, err = Listen(t.Context(), "ws://127.0.0.1:0", &Options{HeaderEnv: map[string][]string{"A": nil}})
	require.Error(t, err)
}

// ask sends one plain HTTP request.
func ask(t *testing.T, l *Listener, path string, header http.Header) (status int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	req := httptest.NewRequest(http.MethodGet, "http://"+l.Addr().String()+path, nil)
	req.Header = header.Clone()
	require.NoError(t, req.Write(conn))
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestPlainRequests(t *testing.T) {
	l := listen(t, &Options{Token: "right"})
	for _, c := range []struct {
		path   string
		header http.Header
		status int
		body   string
	}{
		{"/", nil, 400, "this is a WebSocket endpoint\n"},
		{"/?q", nil, 400, "this is a WebSocket endpoint\n"},
		{"/readyz", nil, 200, ""},
		{"/healthz", nil, 404, "not found\n"},
		{"/x", http.Header{"Authorization": {"Bearer right"}}, 404, "not found\n"},
		{"/readyz", http.Header{"Origin": {"null"}}, 403, ""},
		{"/", http.Header{"Origin": {""}, "Authorization": {"Bearer right"}}, 403, ""},
	} {
		status, body := ask(t, l, c.path, c.header)
		require.Equal(t, c.status, status, "%+v", c)
		require.Equal(t, c.body, body, "%+v", c)
	}
}

func TestToken(t *testing.T) {
	l := listen(t, &Options{Token: "right"})
	for _, c := range []struct {
		header http.Header
		status int
		text   string
	}{
		{nil, 401, "missing websocket bearer token\n"},
		{http.Header{"Authorization": {"Bearer wrong"}}, 401, "invalid websocket bearer token\n"},
		{http.Header{"Authorization": {"Bearer right "}}, 101, ""},
		{http.Header{"Authorization": {"bearer   right"}}, 101, ""},
		{http.Header{"Authorization": {"Bearer right2"}}, 401, "invalid websocket bearer token\n"},
		{http.Header{"Authorization": {"Bearer "}}, 401, "invalid authorization header\n"},
		{http.Header{"Authorization": {"Basic right"}}, 401, "invalid authorization header\n"},
		{http.Header{"Authorization": {"Bearer right", "Bearer right"}}, 401, "invalid authorization header\n"},
		{http.Header{"Authorization": {"Bearer right"}, "Origin": {"http://localhost"}}, 403, ""},
	} {
		conn, err := dial(t, l.URL(), c.header)
		if c.status == 101 {
			require.NoError(t, err)
			conn.handshake()
			continue
		}
		var refused *link.RefusedError
		require.ErrorAs(t, err, &refused, "%v", c.header)
		require.Equal(t, c.status, refused.Status)
		require.Equal(t, c.text, refused.Text)
	}
	for _, path := range []string{"/x", "/readyz/"} {
		_, err := dial(t, l.URL()+path, http.Header{"Authorization": {"Bearer right"}})
		require.ErrorContains(t, err, "404")
	}
	open := listen(t, nil)
	conn, err := dial(t, open.URL()+"/?token=any", http.Header{"Authorization": {"nonsense"}})
	require.NoError(t, err)
	conn.handshake()
}

// The agent accepts fragmented and binary messages over a WebSocket, and a large message in each
// direction.
func TestWebSocket(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 1<<17) // 2 MiB
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }))
	t.Cleanup(server.Close)
	l := listen(t, nil)
	c, err := dial(t, l.URL(), nil)
	require.NoError(t, err)
	c.handshake()
	c.ok(get(server.URL, "a").with("method", "POST").with("bodyBase64", []byte(body)))
	require.True(t, body == string(c.body("a")))

	conn, resp, err := websocket.DefaultDialer.Dial(l.URL(), nil)
	require.NoError(t, err)
	defer conn.Close()
	require.Empty(t, resp.Header.Get("Sec-WebSocket-Extensions"))
	require.NoError(t, conn.WriteMessage(websocket.BinaryMessage, []byte(`{"id":1,"method":"initialize","params":{"clientName":"t"}}`)))
	kind, _, err := conn.ReadMessage()
	require.NoError(t, err)
	require.Equal(t, websocket.TextMessage, kind)
}

func TestManyLinks(t *testing.T) {
	const links = 200
	var aborted sync.WaitGroup
	aborted.Add(links)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			say(w, "piece")
			<-r.Context().Done()
			aborted.Done()
		}
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(server.Close)
	l := listen(t, &Options{MaxLinks: links})
	var all sync.WaitGroup
	clients := make([]*client, links)
	for i := range clients {
		all.Go(func() {
			c, err := dial(t, l.URL(), nil)
			if err != nil {
				t.Error(err)
				return
			}
			c.handshake()
			c.ok(get(server.URL, "a"))
			c.body("a")
			c.ok(get(server.URL+"/stream", "b"))
			c.delta("b", 1)
			clients[i] = c
		})
	}
	all.Wait()
	require.False(t, t.Failed())
	_, err := dial(t, l.URL(), nil)
	require.ErrorContains(t, err, "503", "one link too many")
	for _, c := range clients[:links/2] {
		require.NoError(t, c.link.Close()) // the client disconnects
	}
	require.NoError(t, l.Close()) // the agent closes the link
	aborted.Wait()
	for _, c := range clients[links/2:] {
		_, err := c.link.Receive()
		require.Error(t, err)
	}
}

func TestListenerClose(t *testing.T) {
	l := listen(t, nil)
	c, err := dial(t, l.URL(), nil)
	require.NoError(t, err)
	c.handshake()
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = c.link.Receive()
	require.Error(t, err)
	_, err = dial(t, l.URL(), nil)
	require.Error(t, err)
}

func TestListenerHandshakeTimeout(t *testing.T) {
	l := listen(t, &Options{HandshakeTimeout: time.Millisecond})
	c, err := dial(t, l.URL(), nil)
	require.NoError(t, err)
	_, err = c.link.Receive()
	require.Error(t, err, "the agent closed the link")
}

func TestStdio(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(hello))
	t.Cleanup(server.Close)
	in, toAgent, err := os.Pipe()
	require.NoError(t, err)
	fromAgent, out, err := os.Pipe()
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- ServeStdio(context.WithoutCancel(t.Context()), in, out, nil) }()
	c := &client{t: t, link: link.NewLines(fromAgent, toAgent, DefaultMaxMessage)}
	c.handshake()
	_, err = toAgent.WriteString("\r\n  \n")
	require.NoError(t, err)
	require.Equal(t, 200, c.ok(get(server.URL, "a")).Status)
	require.Equal(t, "hello", string(c.body("a")))
	_, err = fmt.Fprint(toAgent, `{"id":"last","method":"environment/info"}`) // without a line break
	require.NoError(t, err)
	require.NoError(t, toAgent.Close())
	require.NoError(t, <-served)
	require.Equal(t, `"last"`, string(c.receive().ID))
	_, err = c.link.Receive()
	require.Equal(t, io.EOF, err, "both pipes are closed")
	require.NoError(t, fromAgent.Close())
}

// When the context of Serve ends, the link ends too, even if the client reads nothing and the agent
// is blocked in Send.
func TestContextEndsAStuckLink(t *testing.T) {
	var sent atomic.Int64
	handler := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, _ := w.Write(make([]byte, 1<<10))
			sent.Add(int64(n))
		}
	}
	inWorld(t, nil, handler, func(w *world) {
		w.handshake()
		for i := range 10 {
			w.request(get(upstream, fmt.Sprint(i)))
		}
		time.Sleep(time.Minute)
		require.NotZero(w.t, sent.Load())
		w.end()
		require.ErrorIs(w.t, <-w.served, context.Canceled)
		w.served = nil
	})
}
