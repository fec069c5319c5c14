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

// Authorizer obtains authorization for servers that require it. The Client of package oauth is one.
type Authorizer interface {
	// RoundTripper decorates the session's transport. It attaches the authorization to each request
	// for the endpoint and renews it silently, without prompting the user.
	RoundTripper(base http.RoundTripper) http.RoundTripper
	// Authorize is called when the server still refused a request: with status 401, or with 403 for
	// insufficient scope. header has the WWW-Authenticate fields. began is when the request was made:
	// if there is newer authorization, there is nothing to do. Authorize may prompt the user. It is
	// called by one goroutine at a time, with a context of the session. After nil, the refused
	// requests are sent again; its error fails them.
	Authorize(ctx context.Context, endpoint string, status int, header http.Header, began time.Time) error
}

// maxAuthorizations bounds how often one call is authorized.
const maxAuthorizations = 3

// attempt is when a request was made. Its refusal is settled by any authorization that ended later.
type attempt struct {
	at    time.Time
	ended uint64 // authorizations that had ended by then
}

func (s *Session) attempt() attempt { return attempt{time.Now(), s.authorizing.Ended()} }

// authorize calls the Authorizer after a refusal, once however many calls were refused, or returns the
// result of a call that ended since the request was made. The call runs on a goroutine of the session,
// and each refused call waits on its own context.
func (s *Session) authorize(ctx context.Context, refusal *streamablehttp.HTTPError, made attempt) error {
	var err error
	start := func(run func()) bool {
		return s.owned.Go(func() {
			run()
			s.authorized(err)
		})
	}
	call, _ := s.authorizing.JoinSince(made.ended, start, func() (struct{}, error) {
		err = s.callAuthorizer(refusal, made.at)
		return struct{}{}, err
	})
	_, failure := call.Wait(ctx, s.root)
	return failure
}

// authorized is called after the Authorizer, once the refused calls go on.
func (s *Session) authorized(err error) {
	if err != nil {
		s.log.Warn("authorization failed", "error", brief(err))
		return
	}
	s.log.Info("authorized")
	s.shared.wake()
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

// unauthorized returns err as an HTTPError if authorization may help.
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

// mayAuthorize reports whether there is an Authorizer that the message may use once more.
func (s *Session) mayAuthorize(d *delivery) bool {
	return s.opts.Auth != nil && d.authorized < maxAuthorizations && d.ctx.Value(quiet{}) == nil
}

// reauthorize does the authorization that a refused message needs. It returns the message's failure
// if authorization fails. The message's timers are paused meanwhile.
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
