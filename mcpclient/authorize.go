package mcpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Authorizer obtains authorization for servers that require it. Client in package oauth implements
// it.
type Authorizer interface {
	// RoundTripper decorates the session's transport. It attaches the authorization to each request
	// for the endpoint and renews it silently, without prompting the user.
	RoundTripper(base http.RoundTripper) http.RoundTripper
	// Authorize is called when the server refused a request with status 401, or with 403 for
	// insufficient scope or an invalid token, although RoundTripper had attached the authorization. header holds the
	// WWW-Authenticate fields. began is when the refused request was made: if the authorization is
	// newer, Authorize returns without doing anything. Authorize may prompt the user. The session
	// calls Authorize from one goroutine at a time, with a context that ends with the session. If
	// Authorize returns nil, the refused requests are sent again; otherwise they fail with the
	// returned error.
	Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error
}

// maxAuthorizations bounds how often one call requests authorization.
const maxAuthorizations = 3

// sendTime records when a request was made. If the request is refused, the result of any
// authorization that ended after that time applies to it.
type sendTime struct {
	at    time.Time
	ended uint64 // how many authorizations had ended by then
}

func (s *Session) sendTime() sendTime { return sendTime{time.Now(), s.authorizing.Ended()} }

// authorize calls the Authorizer after a refusal. Session calls that are refused at the same time
// share one Authorizer call. If an Authorizer call has ended since the request was made, authorize
// returns its result. The Authorizer runs on a goroutine of the session, and each refused call
// waits on its own context.
func (s *Session) authorize(ctx context.Context, refusal *streamablehttp.HTTPError, made sendTime) error {
	var err error
	start := func(run func()) bool {
		return s.owned.Go(func() {
			if run(); err == nil {
				s.shared.wake()
			}
		})
	}
	call, _ := s.authorizing.JoinSince(made.ended, start, func() (struct{}, error) {
		err = s.callAuthorizer(refusal, made.at)
		return struct{}{}, err
	})
	_, failure := call.Wait(ctx, s.root)
	return failure
}

func (s *Session) callAuthorizer(refusal *streamablehttp.HTTPError, began time.Time) (err error) {
	if s.observed() {
		s.tell(s.root, AuthorizationStarted{Endpoint: s.Endpoint(), Status: refusal.Status})
		defer func() { s.tell(s.root, AuthorizationEnded{Endpoint: s.Endpoint(), Err: err}) }()
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the authorizer panicked: %v", v)
		}
	}()
	header := http.Header{"Www-Authenticate": slices.Clone(refusal.Challenges)}
	return s.opts.Auth.Authorize(s.root, s.conn.Endpoint(), refusal.Status, header, began)
}

// unauthorized returns err as an HTTPError if authorization may help, else nil.
func (s *Session) unauthorized(err error) *streamablehttp.HTTPError {
	var e *streamablehttp.HTTPError
	if s.opts.Auth == nil || !errors.As(err, &e) {
		return nil
	}
	if e.Status == http.StatusUnauthorized || e.InsufficientScope() || e.InvalidToken() {
		return e
	}
	return nil
}

// mayAuthorize reports whether the session has an Authorizer and may call it again for the message.
func (s *Session) mayAuthorize(d *delivery) bool {
	return s.opts.Auth != nil && d.authorized < maxAuthorizations && d.ctx.Value(quiet{}) == nil
}

// reauthorize obtains the authorization that a refused message needs. The message's timers are
// paused meanwhile. If authorization fails, reauthorize returns the error for the message.
func (s *Session) reauthorize(d *delivery, v verdict.Verdict, refusal error) error {
	d.authorized++
	ctx, cancel := d.bounded()
	defer cancel()
	var status *streamablehttp.HTTPError
	errors.As(refusal, &status)
	begun := s.watch.now()
	err := s.authorize(ctx, status, d.made)
	d.AddPaused(s.watch.now() - begun)
	if err == nil {
		return nil
	}
	if ended := d.interrupted(ctx, refusal); ended != nil {
		return ended
	}
	return d.failed(Kind(v.Kind), answered("authorize", err))
}
