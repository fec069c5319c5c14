package agent

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/memnet"
)

// world is a network in memory with an agent, a client that is linked to it, and a server at
// 127.0.0.1:80. Time is fake.
type world struct {
	*client

	t      *testing.T
	net    *memnet.Network
	opts   Options
	conn   *memnet.Conn // the client's end of the link
	budget *Budget
	served <-chan error // receives the result of Serve
	end    context.CancelFunc
}

// inWorld runs a test in a new world. When the test ends, no connection or goroutine may be left,
// and the agent may hold nothing.
func inWorld(t *testing.T, opts *Options, handler http.HandlerFunc, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		serveHTTP(t, n, "127.0.0.1:80", handler)
		w := &world{net: n, t: t}
		ctx, cancel := context.WithCancel(t.Context())
		w.end = cancel
		var o Options
		if opts != nil {
			o = *opts
		}
		o.DialContext = n.DialContext
		o.Budget = cmp.Or(o.Budget, NewBudget(0))
		w.budget = o.Budget
		t.Cleanup(func() {
			s := w.budget.Stats()
			require.Equal(t, [3]int64{}, [3]int64{s.Held, s.Links, s.Exchanges}, "held, links, exchanges")
			require.LessOrEqual(t, s.HeldPeak, s.Limit)
		})
		w.client, w.conn, w.served = w.connect(ctx, &o)
		t.Cleanup(func() {
			cancel()
			_ = w.link.Close()
			if w.served != nil {
				<-w.served
			}
		})
		w.opts = o
		test(w)
	})
}

// connect returns a new client of the agent with the client's end of its link, and a channel that
// receives the result of Serve.
func (w *world) connect(ctx context.Context, o *Options) (*client, *memnet.Conn, <-chan error) {
	near, far := connect(w.t, w.net)
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, link.NewLines(far, far, cmp.Or(o.MaxMessage, DefaultMaxMessage)), o) }()
	return &client{t: w.t, link: link.NewLines(near, near, DefaultMaxMessage)}, near, served
}

// join returns another client of the agent, which has finished its handshake.
func (w *world) join() *client {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	c, _, served := w.connect(ctx, &w.opts)
	w.t.Cleanup(func() {
		cancel()
		_ = c.link.Close()
		<-served
	})
	c.handshake()
	return c
}

// connect returns both ends of a connection.
func connect(t *testing.T, n *memnet.Network) (near, far *memnet.Conn) {
	t.Helper()
	ln := n.Listen("agent")
	defer ln.Close()
	c, err := n.DialContext(t.Context(), "tcp", "agent")
	require.NoError(t, err)
	s, err := ln.Accept()
	require.NoError(t, err)
	return c.(*memnet.Conn), s.(*memnet.Conn)
}

// serveHTTP starts a server. All its connections must be closed at the end of the test.
func serveHTTP(t *testing.T, n *memnet.Network, addr string, handler http.HandlerFunc) {
	t.Helper()
	ln := n.Listen(addr)
	server := &http.Server{Handler: handler}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		time.Sleep(time.Minute) // of fake time: servers wait before they close a connection
		synctest.Wait()
		left := n.Conns()
		require.NoError(t, server.Close())
		require.Zero(t, left, "connections left open")
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
}

// client is the near end of a link, written for these tests. It shares no code with the agent
// except the framing.
type client struct {
	t    testing.TB
	link link.Link
	id   int
}

// received is any message of the agent.
type received struct {
	ID     json.RawMessage
	Method string
	Result *result
	Error  *refusal
	Params *delta
}

type result struct {
	Status          int
	Headers         []field
	BodyBase64      []byte
	SessionID       string
	EnvironmentInfo map[string]any
}

type field struct{ Name, Value string }

type refusal struct {
	Code    int
	Message string
	Data    *struct {
		Stage     string
		Permanent bool
	}
}

// stage returns the stage of an error, such as "notSent permanent".
func (r *refusal) stage() string {
	switch {
	case r.Data == nil:
		return ""
	case r.Data.Permanent:
		return r.Data.Stage + " permanent"
	}
	return r.Data.Stage
}

type delta struct {
	RequestID   string
	Seq         int64
	DeltaBase64 []byte
	Done        bool
	Error       *string
}

func (c *client) sendf(format string, args ...any) {
	c.t.Helper()
	require.NoError(c.t, c.link.Send(fmt.Appendf(nil, format, args...)))
}

func (c *client) receive() *received {
	c.t.Helper()
	data, err := c.link.Receive()
	require.NoError(c.t, err)
	m := new(received)
	require.NoError(c.t, json.Unmarshal(data, m), "%s", data)
	return m
}

func (c *client) handshake() {
	c.t.Helper()
	c.sendf(`{"id":"h","method":"initialize","params":{"clientName":"test","resumeSessionId":null}}`)
	m := c.receive()
	require.Equal(c.t, `"h"`, string(m.ID))
	require.NotNil(c.t, m.Result, "%+v", m.Error)
	c.sendf(`{"method":"initialized","params":{}}`)
}

// params are the parameters of http/request.
type params map[string]any

// get returns the parameters of a streamed GET.
func get(url, id string) params {
	return params{"method": "GET", "url": url, "requestId": id, "streamResponse": true, "redirectPolicy": "stop"}
}

// with returns p with one more member.
func (p params) with(name string, value any) params {
	q := params{name: value}
	for k, v := range p {
		if k != name {
			q[k] = v
		}
	}
	return q
}

// request sends http/request and returns the id of the message.
func (c *client) request(p params) string {
	c.t.Helper()
	c.id++
	text, err := json.Marshal(p)
	require.NoError(c.t, err)
	c.sendf(`{"id":%d,"method":"http/request","params":%s}`, c.id, text)
	return fmt.Sprint(c.id)
}

// response receives the answer to the last request. No other message may come first.
func (c *client) response() *received {
	c.t.Helper()
	m := c.receive()
	require.Equal(c.t, fmt.Sprint(c.id), string(m.ID))
	return m
}

// ok sends a request that must succeed, and returns its head.
func (c *client) ok(p params) *result {
	c.t.Helper()
	c.request(p)
	m := c.response()
	require.Nil(c.t, m.Error, "%+v", m.Error)
	return m.Result
}

// refused sends a request that must fail, and returns its error.
func (c *client) refused(p params) *refusal {
	c.t.Helper()
	c.request(p)
	m := c.response()
	require.NotNil(c.t, m.Error, "%+v", m.Result)
	return m.Error
}

// delta receives a frame of the stream id. It must be the next frame on the link.
func (c *client) delta(id string, seq int64) *delta {
	c.t.Helper()
	m := c.receive()
	require.Equal(c.t, "http/request/bodyDelta", m.Method)
	require.Equal(c.t, id, m.Params.RequestID)
	require.Equal(c.t, seq, m.Params.Seq)
	return m.Params
}

// body receives a stream to its end and returns the bytes. The stream must not end with an error.
func (c *client) body(id string) []byte {
	c.t.Helper()
	var body []byte
	for seq := int64(1); ; seq++ {
		d := c.delta(id, seq)
		require.LessOrEqual(c.t, len(d.DeltaBase64), 1<<20)
		if d.Done {
			require.Nil(c.t, d.Error)
			require.Empty(c.t, d.DeltaBase64)
			return body
		}
		body = append(body, d.DeltaBase64...)
	}
}

// header returns the values of a field of a response.
func (r *result) header(name string) []string {
	var values []string
	for _, f := range r.Headers {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// hello is a handler that answers with a greeting.
func hello(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }

const upstream = "http://127.0.0.1"

// echoPath is a handler that answers with its path, a thousand times.
func echoPath(w http.ResponseWriter, r *http.Request) {
	for range 1000 {
		_, _ = io.WriteString(w, r.URL.Path)
	}
}
