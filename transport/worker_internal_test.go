package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var errCause = errors.New("the test's own reason to cancel")

// network replaces net/http: it makes the http.Transports of a Direct. Their calls return when the
// test lets them, possibly never. Time is fake.
type network struct {
	t       *testing.T
	d       *direct
	thaw    chan struct{} // closed at the end of the test, to end all goroutines
	serve   func(s *fake, req *http.Request) (*http.Response, error)
	idle    func() // CloseIdleConnections
	mu      sync.Mutex
	senders []*fake // guarded by mu
}

// fake is one http.Transport of a network.
type fake struct {
	n      *network
	number int           // in the order they were made, from 1
	lock   chan struct{} // held while net/http handles a connection; frozen calls never release it
	closed chan struct{}
	once   sync.Once
}

// inNetwork runs a test with a Direct that uses a network instead of net/http.
func inNetwork(t *testing.T, test func(t *testing.T, n *network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &network{t: t, thaw: make(chan struct{}), idle: func() {}}
		n.d = NewDirect(&DirectOptions{NoProxy: true}).(*direct)
		n.d.pools.open = n.open
		defer func() {
			_ = n.d.Close()
			close(n.thaw)
			synctest.Wait()
		}()
		test(t, n)
	})
}

func (n *network) open(*pool) sender {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := &fake{n: n, number: len(n.senders) + 1, lock: make(chan struct{}, 1), closed: make(chan struct{})}
	n.senders = append(n.senders, s)
	return s
}

func (n *network) opened() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.senders)
}

func (s *fake) RoundTrip(req *http.Request) (*http.Response, error) {
	s.lock <- struct{}{}
	resp, err := s.n.serve(s, req)
	<-s.lock
	if err != nil {
		err = errors.New("net/http failed")
	}
	return resp, err
}

func (s *fake) CloseIdleConnections() {
	s.once.Do(func() { close(s.closed) })
	s.n.idle()
}

// frozen is the body of a call to net/http that does not return before the test ends.
func (n *network) frozen() { <-n.thaw }

// answer returns a complete HTTP/2 response.
func answer(req *http.Request, body io.ReadCloser) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, ProtoMajor: 2, Header: http.Header{}, Body: body, Request: req}
}

func ok(req *http.Request) (*http.Response, error) {
	return answer(req, io.NopCloser(strings.NewReader("hello"))), nil
}

// freezesFor returns a handler that freezes requests to one host and answers all others.
func (n *network) freezesFor(host string) func(*fake, *http.Request) (*http.Response, error) {
	return func(_ *fake, req *http.Request) (*http.Response, error) {
		if req.URL.Host == host {
			n.frozen()
		}
		return ok(req)
	}
}

// send sends a request to a host and returns a channel for the result of RoundTrip.
func (n *network) send(ctx context.Context, host string, body io.Reader) <-chan result {
	n.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+"/", body)
	require.NoError(n.t, err)
	ch := make(chan result, 1)
	go func() {
		resp, err := n.d.RoundTrip(req)
		ch <- result{resp: resp, err: err}
	}()
	return ch
}

// served checks that a request to a host is answered.
func (n *network) served(host string) {
	n.t.Helper()
	r := <-n.send(context.Background(), host, strings.NewReader("hi"))
	require.NoError(n.t, r.err)
	text, err := io.ReadAll(r.resp.Body)
	require.NoError(n.t, err)
	require.Equal(n.t, "hello", string(text))
	require.NoError(n.t, r.resp.Body.Close())
}

func requireAbandoned(t *testing.T, err, cause error, permanent bool) {
	t.Helper()
	var te *Error
	require.ErrorAs(t, err, &te)
	require.Equal(t, MaybeSent, te.Stage)
	require.Equal(t, permanent, te.Permanent)
	require.ErrorIs(t, err, cause)
}

// requirePrompt checks that a call that started at begin has returned within the limit in DESIGN.md
// section 7.
func requirePrompt(t *testing.T, begin time.Time) {
	t.Helper()
	require.LessOrEqual(t, time.Since(begin), 200*time.Millisecond)
}

func (n *network) abandoned(host string) int {
	n.d.pools.mu.Lock()
	defer n.d.pools.mu.Unlock()
	if o := n.d.pools.byHost[host]; o != nil {
		return int(o.abandoned.Load())
	}
	return 0
}

func TestRoundTripThatNeverReturns(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = n.freezesFor("bad")
		ctx, cancel := context.WithCancelCause(context.Background())
		first, second := n.send(ctx, "bad", nil), n.send(ctx, "bad", nil)
		synctest.Wait()
		n.served("good") // before the freeze can be noticed
		begin := time.Now()
		cancel(errCause)
		requireAbandoned(t, (<-first).err, errCause, false)
		requireAbandoned(t, (<-second).err, errCause, false)
		requirePrompt(t, begin)
		n.served("good")
		require.Equal(t, 2, n.abandoned("bad"))
		n.serve = n.freezesFor("nobody")
		n.served("bad")
		require.Equal(t, 3, n.opened(), "one for the good origin, two for the bad one")
	})
}

// While it is unknown whether net/http is frozen, a new request waits.
func TestRequestWaitsForASuspectedFreeze(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		n.serve = func(s *fake, req *http.Request) (*http.Response, error) {
			if s.number == 1 {
				n.frozen()
			}
			return ok(req)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		first := n.send(ctx, "bad", nil)
		synctest.Wait()
		cancel(errCause)
		synctest.Wait()
		second := n.send(ctx, "bad", nil)
		var te *Error
		require.ErrorAs(t, (<-second).err, &te)
		require.Equal(t, NotSent, te.Stage)
		require.ErrorIs(t, te, errCause)
		n.served("bad")
		requireAbandoned(t, (<-first).err, errCause, false)
	})
}

// pieces is a response body whose calls can freeze.
type pieces struct {
	n           *network
	read, close func() // called before each Read and in Close, respectively
	got         []byte // the memory of the last Read
	closed      chan struct{}
}

func (p *pieces) Read(b []byte) (int, error) {
	p.got = b
	p.read()
	return copy(b, "piece"), nil
}

func (p *pieces) Close() error {
	p.close()
	close(p.closed)
	return nil
}

// openBody returns a response that has body, after one successful Read of it.
func (n *network) openBody(ctx context.Context, body *pieces) *http.Response {
	n.t.Helper()
	body.n, body.closed = n, make(chan struct{})
	n.serve = func(s *fake, req *http.Request) (*http.Response, error) {
		if req.URL.Host == "bad" && s.number == 1 {
			return answer(req, body), nil
		}
		return ok(req)
	}
	freeze := body.read
	body.read = func() {}
	r := <-n.send(ctx, "bad", nil)
	require.NoError(n.t, r.err)
	got := make([]byte, 16)
	c, err := r.resp.Body.Read(got)
	require.NoError(n.t, err)
	require.Equal(n.t, "piece", string(got[:c]))
	body.read = freeze
	return r.resp
}

func TestReadThatNeverReturns(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		ctx, cancel := context.WithCancelCause(context.Background())
		body := &pieces{read: n.frozen, close: func() {}}
		resp := n.openBody(ctx, body)
		caller := make([]byte, 16)
		read := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(caller)
			read <- err
		}()
		synctest.Wait()
		begin := time.Now()
		cancel(errCause)
		requireAbandoned(t, <-read, errCause, false)
		requirePrompt(t, begin)
		_, err := resp.Body.Read(caller)
		requireAbandoned(t, err, errCause, false)
		require.Equal(t, 1, n.abandoned("bad"))
		n.served("bad")
		require.NoError(t, resp.Body.Close())
		<-body.closed
		copy(body.got, "written late")
		require.Equal(t, make([]byte, 16), caller, "net/http must never get the caller's memory")
	})
}

func TestCloseOfABodyThatNeverReturns(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		resp := n.openBody(context.Background(), &pieces{read: func() {}, close: n.frozen})
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		n.served("bad") // the request waits until net/http is known to be frozen
		require.Equal(t, 1, n.abandoned("bad"))
		_, err := resp.Body.Read(make([]byte, 1))
		require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	})
}

// Close of the body ends a Read in progress at once, even if both calls freeze.
func TestCloseDuringAReadThatNeverReturns(t *testing.T) {
	for what, closing := range map[string]func(*network) func(){
		"the Read":  func(*network) func() { return func() {} },
		"the Close": func(n *network) func() { return n.frozen },
	} {
		t.Run(what, func(t *testing.T) {
			inNetwork(t, func(t *testing.T, n *network) {
				resp := n.openBody(context.Background(), &pieces{read: n.frozen, close: closing(n)})
				read := make(chan error, 1)
				go func() {
					_, err := resp.Body.Read(make([]byte, 16))
					read <- err
				}()
				synctest.Wait()
				begin := time.Now()
				require.NoError(t, resp.Body.Close())
				require.ErrorIs(t, <-read, http.ErrBodyReadAfterClose)
				require.Zero(t, time.Since(begin), "fake time did not pass")
				n.served("bad")
				require.Equal(t, 1, n.abandoned("bad"))
			})
		})
	}
}

// Close of the Direct ends every exchange, although no call to net/http returns any more.
func TestCloseWhileNoCallReturns(t *testing.T) {
	inNetwork(t, func(t *testing.T, n *network) {
		resp := n.openBody(context.Background(), &pieces{read: n.frozen, close: n.frozen})
		n.idle = n.frozen
		read := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(make([]byte, 16))
			read <- err
		}()
		n.serve = n.freezesFor("bad")
		trip := n.send(context.Background(), "bad", nil)
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, n.d.Close())
		requireAbandoned(t, <-read, ErrClosed, true)
		requireAbandoned(t, (<-trip).err, ErrClosed, true)
		requirePrompt(t, begin)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, n.d.Close())
	})
}
