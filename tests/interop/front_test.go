package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// front is the HTTP server in front of a peer's handler. It records the client's requests, so tests
// can wait for a request instead of sleeping. A test can replace or restart the peer behind the
// front, or cut its connections.
type front struct {
	url  string
	addr string

	mu       sync.Mutex
	peer     *instance // guarded by mu
	server   *http.Server
	requests []*request    // guarded by mu, in order of arrival
	changed  chan struct{} // guarded by mu, closed at the next change
}

// request is one HTTP request as it arrived. The front's mu guards all fields after the first
// group.
type request struct {
	verb    string
	method  string // of JSON-RPC
	params  json.RawMessage
	id      json.RawMessage
	session string // session id in the request
	cursor  string // Last-Event-ID
	conn    net.Conn

	status int
	given  string // session id in the response
	stream bool   // part of a successful response has been written
	over   bool   // the server has finished handling it
}

type connKey struct{}

// newFront serves an instance of p until the test ends.
func newFront(t *testing.T, p peer, w *world) *front {
	t.Helper()
	f := &front{changed: make(chan struct{}), peer: p.start(w)}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f.addr = listener.Addr().String()
	f.url = "http://" + f.addr + "/mcp"
	f.serve(listener)
	t.Cleanup(f.stop)
	return f
}

func (f *front) serve(listener net.Listener) {
	f.server = &http.Server{
		Handler:           f,
		ReadHeaderTimeout: 10 * time.Second,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	go func() { _ = f.server.Serve(listener) }()
}

// stop ends the server and all goroutines of the peer.
func (f *front) stop() {
	_ = f.server.Close()
	f.mu.Lock()
	peer := f.peer
	f.mu.Unlock()
	peer.stop()
}

// swap replaces the instance behind the front, as a load balancer might. No connection breaks, but
// the new instance does not know the old sessions.
func (f *front) swap(fresh *instance) {
	f.mu.Lock()
	old := f.peer
	f.peer = fresh
	f.mu.Unlock()
	old.stop()
}

// restart simulates a process restart: every connection breaks, and a server without the old state
// listens on the same address.
func (f *front) restart(t *testing.T, fresh *instance) {
	t.Helper()
	_ = f.server.Close()
	f.swap(fresh)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", f.addr)
	require.NoError(t, err)
	f.serve(listener)
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has disconnected
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	seen := &request{verb: r.Method, session: r.Header.Get("Mcp-Session-Id"), cursor: r.Header.Get("Last-Event-ID"), conn: conn}
	var message struct {
		Method string          `json:"method"`
		ID     json.RawMessage `json:"id"`
		Params json.RawMessage `json:"params"`
	}
	if len(body) > 0 && json.Unmarshal(body, &message) == nil {
		seen.method, seen.id, seen.params = message.Method, message.ID, message.Params
	}
	f.change(func() { f.requests = append(f.requests, seen) })
	f.mu.Lock()
	peer := f.peer
	f.mu.Unlock()
	peer.handler.ServeHTTP(&tap{ResponseWriter: w, front: f, seen: seen}, r)
	f.change(func() { seen.over = true })
}

// change applies a change and wakes waiting tests.
func (f *front) change(apply func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply()
	close(f.changed)
	f.changed = make(chan struct{})
}

// count returns how many of the requests match.
func (f *front) count(match func(*request) bool) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if match(r) {
			n++
		}
	}
	return n
}

// await returns the first request that matches. It waits until one arrives.
func (f *front) await(t *testing.T, match func(*request) bool) *request {
	t.Helper()
	ctx := limit(t)
	for {
		f.mu.Lock()
		changed := f.changed
		for _, r := range f.requests {
			if match(r) {
				f.mu.Unlock()
				return r
			}
		}
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			require.FailNow(t, "timed out waiting for the request")
		}
	}
}

// called matches requests of a JSON-RPC method.
func called(method string) func(*request) bool {
	return func(r *request) bool { return r.method == method }
}

// verb matches requests of an HTTP method.
func verb(name string) func(*request) bool {
	return func(r *request) bool { return r.verb == name }
}

// limit returns a context that bounds how long a test waits for an event. The limit is not an
// assertion about speed: it only turns a hang into a test failure.
func limit(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// receive returns the next value from a channel.
func receive[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	var zero T
	select {
	case v := <-from:
		return v
	case <-limit(t).Done():
		require.FailNow(t, "timed out waiting for "+what)
		return zero
	}
}

// tap is a ResponseWriter that observes a peer's response.
type tap struct {
	http.ResponseWriter

	front *front
	seen  *request
}

func (w *tap) WriteHeader(status int) {
	w.ResponseWriter.WriteHeader(status)
	w.front.change(func() {
		w.seen.status, w.seen.given = status, w.Header().Get("Mcp-Session-Id")
		w.seen.stream = w.seen.stream || w.seen.verb == http.MethodGet && status == http.StatusOK
	})
}

func (w *tap) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.front.change(func() {
		if w.seen.status == 0 {
			w.seen.status = http.StatusOK
		}
		w.seen.given, w.seen.stream = w.Header().Get("Mcp-Session-Id"), w.seen.status == http.StatusOK
	})
	return n, err
}

// One peer calls Flush. The other uses a ResponseController, which calls Unwrap.
func (w *tap) Flush()                      { _ = http.NewResponseController(w.ResponseWriter).Flush() }
func (w *tap) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// decorate wraps the peer's handler.
func (f *front) decorate(with func(http.Handler) http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peer.handler = with(f.peer.handler)
}
