package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// errNothing says that a token cannot be renewed without the user.
var errNothing = &Error{Kind: KindLoginRequired, Op: "renew token", Err: errors.New("no refresh token")}

// isRefusal reports whether err means that renewing the token again would not help. After other
// errors, the next attempt may succeed.
func isRefusal(err error) bool {
	e, ok := err.(*Error)
	return ok && e.Permanent() && e.Kind != KindClosed
}

// load reads the stored token before the first request. After a success, later calls do nothing.
func (c *Client) load(ctx context.Context) error {
	if c.cfg.Grant != nil {
		c.loaded.Store(true) // tokens of a Grant are not stored: the Store may be shared with another Grant
		return nil
	}
	call, _ := c.join(&c.loading, c.cfg.RequestTimeout, func(ctx context.Context, _ *work) error {
		if c.loaded.Load() {
			return nil
		}
		tok, err := c.stored(ctx)
		if err != nil {
			return err
		}
		if tok != nil {
			c.held.CompareAndSwap(nil, tok)
		}
		c.loaded.Store(true)
		return nil
	})
	return c.await(ctx, call)
}

// renewLimit is the time limit of a renewal: discovery, the wait for another process's lease, and
// two token requests.
func (c *Client) renewLimit() time.Duration { return 4 * c.cfg.RequestTimeout }

// leaseLimit is the time limit of a refresh while it holds the lease.
func (c *Client) leaseLimit() time.Duration { return 2 * c.cfg.RequestTimeout }

// renew replaces the token old without the user. Concurrent callers share one renewal. renew
// returns nil once a different token is current. refusal is the header of a 401 to old, or nil if
// old has only expired.
func (c *Client) renew(ctx context.Context, old *token, refusal http.Header) error {
	for {
		if now := c.held.Load(); now != nil && !now.same(old) {
			return nil
		}
		call, joined := c.join(&c.renewal, c.renewLimit(), c.renewing(old, refusal))
		err := c.await(ctx, call)
		if err != nil || !joined {
			return err
		}
	}
}

// renewInBackground starts to renew a token that is still valid, unless a renewal failed recently.
func (c *Client) renewInBackground(old *token) {
	if c.cfg.Grant == nil && !old.isRefreshable() || time.Now().UnixNano() < old.retryFrom.Load() {
		return
	}
	c.join(&c.renewal, c.renewLimit(), c.renewing(old, nil))
}

func (c *Client) renewing(old *token, refusal http.Header) func(context.Context, *work) error {
	return func(ctx context.Context, _ *work) error {
		if now := c.held.Load(); now != nil && !now.same(old) {
			return nil
		}
		var err error
		switch {
		case c.cfg.Grant != nil:
			err = c.obtain(ctx, old, refusal)
		case old.isRefreshable():
			err = c.refresh(ctx, old)
		default:
			err = c.adoptStored(ctx, old)
		}
		if err != nil && old != nil {
			old.retryFrom.Store(time.Now().Add(refreshPause).UnixNano())
		}
		if err != nil && old != nil && !errors.Is(err, errUnchanged) {
			c.log.Info("token renewal failed", "issuer", old.Issuer, "error", err)
		}
		return err
	}
}

// adoptStored loads the token that another process stored, and makes it the current one.
func (c *Client) adoptStored(ctx context.Context, old *token) error {
	now := c.held.Load()
	tok, err := c.stored(ctx)
	switch {
	case err != nil:
		return err
	case !tok.supersedes(old):
		return errNothing
	}
	c.held.CompareAndSwap(now, tok) // if this fails, a login already replaced the token
	return nil
}

// refresh replaces the token old, using its refresh token. If another process has already replaced
// old, refresh adopts that process's token, because a rotating refresh token must be used only once
// (OAuth 2.1 section 4.3.1). A new token is saved before it is used.
func (c *Client) refresh(ctx context.Context, old *token) error {
	server, err := c.serverOf(ctx, old)
	if err != nil {
		return err
	}
	key := tokenKey(old.Resource, old.Issuer)
	release, err := c.store.Lease(ctx, key, c.leaseLimit()+saveLimit)
	if err != nil {
		return storeError(ctx, "lease token", err)
	}
	defer release()
	ctx, stop := context.WithTimeoutCause(ctx, c.leaseLimit(), errTooSlow)
	defer stop()

	stored, version, err := c.loadToken(ctx, key)
	switch {
	case err != nil:
		return err
	case stored == nil && !old.unsaved:
		old.dead.Store(true)
		c.held.CompareAndSwap(old, nil) // a logout in this or another process deleted the stored token
		return errNothing
	case stored.supersedes(old):
		c.held.Store(stored)
		if stored.freshness(time.Now()) != expired || !stored.isRefreshable() {
			return nil
		}
		old = stored
	}
	next, err := c.requestRefresh(ctx, server, old)
	err = old.outage.judge(err, time.Now())
	if isDeadToken(err) {
		c.bury(ctx, key, old, version)
		if codeOf(err) == "invalid_client" && c.isDynamic(server) {
			c.unregister(ctx, old.Issuer, old.ClientID)
		}
		return err
	}
	if err != nil {
		return err
	}
	c.keep(ctx, key, next, version)
	return nil
}

func (c *Client) requestRefresh(ctx context.Context, server *ServerMetadata, old *token) (*token, error) {
	who, err := c.identity(ctx, server, old)
	if err != nil {
		return nil, err
	}
	at := &target{resource: old.Resource, server: server, scopes: old.Requested}
	req := &tokenRequest{op: "refresh token", at: at, who: who, key: old.key, bound: old.key != nil, form: url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {old.Refresh}, "resource": {old.Resource},
	}}
	next, err := c.requestToken(ctx, req)
	if err != nil {
		return nil, err
	}
	if next.Refresh == "" {
		next.Refresh = old.Refresh
	}
	if next.Granted == nil {
		next.Granted = old.Granted
	}
	return next, nil
}

// outage counts the refreshes of a token that failed with server_error in a row. Some servers answer
// so for every refresh token that they no longer know: the proxy of the TypeScript SDK does, for all
// that the server behind it refuses. The renewal flight guards it.
type outage struct {
	times int
	since time.Time
}

// A refresh that failed with server_error at least serverErrors times in a row, over at least
// serverErrorsFor, counts as refused.
const (
	serverErrors    = 3
	serverErrorsFor = 3 * time.Second
)

// judge returns err, the result of a refresh. After too many failures in a row, it returns the error
// as a refusal, so that the user can log in. The next refresh is still tried first.
func (o *outage) judge(err error, now time.Time) error {
	e, _ := err.(*Error)
	if e == nil || e.Kind != KindNetwork || e.Code != "server_error" {
		*o = outage{}
		return err
	}
	if o.times == 0 {
		o.since = now
	}
	if o.times++; o.times < serverErrors || now.Sub(o.since) < serverErrorsFor {
		return err
	}
	refused := *e
	refused.Kind, refused.Err = KindRefused, fmt.Errorf("%w, %d times in a row", e.Err, o.times)
	return &refused
}

// isDeadToken reports whether the server refused a refresh token permanently.
func isDeadToken(err error) bool {
	return slices.Contains([]string{"invalid_grant", "invalid_client", "unauthorized_client"}, codeOf(err))
}

// bury deletes a refused refresh token from the Store, unless the Store has another one by now. It
// keeps the access token, because the resource may still accept it.
func (c *Client) bury(ctx context.Context, key string, old *token, version string) {
	old.dead.Store(true)
	if version == "" {
		return
	}
	r := old.tokenRecord
	r.Refresh = ""
	if err := c.save(ctx, key, r, version); err != nil && !errors.Is(err, ErrConflict) {
		c.log.Warn("refused refresh token not deleted from the store", "issuer", old.Issuer, "error", err)
	}
}

// keep saves a token and then makes it the current one. The caller holds the lease. Saving has its
// own time limit, because the old refresh token may no longer work and the new one must not be
// lost. If the Store fails, the client still uses the token.
func (c *Client) keep(ctx context.Context, key string, next *token, version string) {
	err := c.save(ctx, key, next.tokenRecord, version)
	if errors.Is(err, ErrConflict) {
		// Another process stored a token without a lease, or the lease has expired.
		if stored, _, loadErr := c.loadToken(ctx, key); loadErr == nil && stored != nil {
			c.held.Store(stored)
			return
		}
	}
	if err != nil {
		next.unsaved = true
		c.log.Warn("token not saved: it is used until this process ends", "issuer", next.Issuer, "error", err)
	}
	c.held.Store(next)
}

func (c *Client) save(ctx context.Context, key string, r tokenRecord, version string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer stop()
	data, err := r.encode()
	if err != nil {
		return err
	}
	_, err = c.store.Save(ctx, key, data, version)
	return err
}
