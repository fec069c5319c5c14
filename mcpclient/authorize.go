package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Authorizer gets the session into servers that want authorization. A client of
// package oauth is one.
type Authorizer interface {
	// RoundTripper decorates the session's transport: it attaches what the server
	// wants to see to each request for the endpoint, renews it silently, and never prompts the user.
	RoundTripper(base http.RoundTripper) http.RoundTripper
	// Authorize is called when the server has refused a request nevertheless: with
	// status 401, or with 403 because the scope does not suffice. header has the
	// WWW-Authenticate fields; began is when the request was made: if there is newer authorization than
	// that, there is nothing to do. It may ask a person, and is called by one
	// goroutine at a time, with a context of the session's. After nil the requests that were refused are
	// made again. Its error fails them.
	Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error
}

// maxAuthorizations bounds how often one call is authorized.
const maxAuthorizations = 3

// authorization has the Authorizer called once, however many calls were
// refused. The work belongs to the session; each call waits on its own context.
type authorization struct {
	ended atomic.Uint64 // how many have ended

	mu      sync.Mutex
	current *authorizing // guarded by mu; what runs, or ran last
}

// authorizing is one call of the Authorizer. Err may be read once done is closed.
type authorizing struct {
	number uint64 // it is the one after so many others
	done   chan struct{}
	err    error
}

// attempt is when a request was made: its refusal is settled by what the
// Authorizer did since then.
type attempt struct {
	at    time.Time
	ended uint64 // authorizations that had ended by then
}

func (s *Session) attempt() attempt { return attempt{time.Now(), s.authorizing.ended.Load()} }

// authorize gets authorization after a refusal, or takes the outcome of what
// ended since the request was made.
func (s *Session) authorize(ctx context.Context, refusal *streamablehttp.HTTPError, made attempt) error {
	a := s.joinAuthorizing(refusal, made)
	if a == nil {
		return ErrClosed
	}
	select {
	case <-a.done:
		return a.err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.root.Done():
		return ErrClosed
	}
}

// joinAuthorizing returns the work that settles this refusal, starting it if need
// be; nil when the session is closing.
func (s *Session) joinAuthorizing(refusal *streamablehttp.HTTPError, made attempt) *authorizing {
	z := &s.authorizing
	z.mu.Lock()
	defer z.mu.Unlock()
	if last := z.current; last != nil && last.number >= made.ended {
		return last // it runs, or ended after the request was made
	}
	a := &authorizing{number: z.ended.Load(), done: make(chan struct{})}
	if !s.owned.start(func() { s.runAuthorizing(a, refusal, made.at) }) {
		return nil
	}
	z.current = a
	return a
}

func (s *Session) runAuthorizing(a *authorizing, refusal *streamablehttp.HTTPError, began time.Time) {
	a.err = s.callAuthorizer(refusal, began)
	s.authorizing.ended.Add(1)
	close(a.done)
	if a.err != nil {
		s.log.Warn("authorization failed", "error", brief(a.err))
		return
	}
	s.log.Info("authorized")
	s.side.reopen()
}

func (s *Session) callAuthorizer(refusal *streamablehttp.HTTPError, began time.Time) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the authorizer panicked: %v", v)
		}
	}()
	header := http.Header{"Www-Authenticate": slices.Clone(refusal.Challenges)}
	return s.opts.Auth.Authorize(s.root, s.conn.Endpoint(), refusal.Status, header, began)
}

// unauthorized returns the refusal that err is, if authorization may help against it.
func (s *Session) unauthorized(err error) *streamablehttp.HTTPError {
	var e *streamablehttp.HTTPError
	if s.opts.Auth == nil || !errors.As(err, &e) {
		return nil
	}
	if e.Status == http.StatusUnauthorized || e.InsufficientScope() {
		return e
	}
	return nil
}

// mayAuthorize reports whether there is an Authorizer that the call may use once more.
func (s *Session) mayAuthorize(c *call) bool {
	return s.opts.Auth != nil && c.authorized < maxAuthorizations && c.ctx.Value(quiet{}) == nil
}

// reauthorize does the authorization that a refused call needs. It returns the
// call's failure if authorization fails. The time it took does not count against the call's timers.
func (s *Session) reauthorize(c *call, v verdict, refusal error) error {
	c.authorized++
	ctx, cancel := c.bounded()
	defer cancel()
	var status *streamablehttp.HTTPError
	errors.As(refusal, &status)
	begun := s.watch.now()
	err := s.authorize(ctx, status, c.made)
	c.waited.Add(int64(s.watch.now() - begun))
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return s.over(c, withCause(refusal, context.Cause(ctx)))
	case s.root.Err() != nil:
		return s.over(c, withCause(refusal, ErrClosed))
	}
	return c.failed(v, answered("authorize", err))
}
