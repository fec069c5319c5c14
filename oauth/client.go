package oauth

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/internal/singleflight"
	"github.com/hawser-mcp/hawser/transport"
)

// Defaults for time limits in [Config].
const (
	// DefaultLoginTimeout is the default of Config.LoginTimeout.
	DefaultLoginTimeout = 5 * time.Minute
	// DefaultRequestTimeout is the default of Config.RequestTimeout.
	DefaultRequestTimeout = 30 * time.Second
)

const (
	closeGrace = 3 * time.Second // how long Close waits for a token request that may have consumed a refresh token
	closeLimit = 5 * time.Second // how long Close takes at most
	saveLimit  = 5 * time.Second // how long saving a token may take, even if other time limits have passed
)

// Client obtains and keeps the tokens of one protected resource. It refreshes tokens and logs in on
// its own goroutines. When a caller's context ends, that caller stops waiting, but the refresh or
// login continues for other callers. All methods are safe for concurrent use.
//
// MCP sessions use a Client through mcpclient.Options.Auth. Other HTTP clients use
// LoginRoundTripper. Or they use RoundTripper, and call [Client.Authorize] when the response is still
// a 401 or 403.
type Client struct {
	printed

	cfg      Config
	endpoint *url.URL
	log      *slog.Logger
	store    Store

	fetcher   fetcher
	discovery discovery
	registrar registrar

	closing   context.Context         // ends when Close begins; waits and logins then end
	beginEnd  context.CancelCauseFunc // ends closing
	root      context.Context         // ends when Close stops waiting for requests in flight
	endAll    context.CancelFunc      // ends root
	closeOnce sync.Once
	closed    chan struct{} // closed once closeErr is set
	closeErr  error
	owned     goroutines.Group

	held   atomic.Pointer[token] // the current token; nil if there is none
	loaded atomic.Bool           // whether the Store was read

	loading       flight // reads the Store
	renewal       flight // refreshes a token, or obtains one with the Grant
	authorization flight // prompts the user, unless a renewal is enough

	nonces nonces
	keys   dpopKeys
	sent   attached
	known  known
	base   base
}

// NewClient returns a Client for the MCP server at endpoint, an http or https URL. It sends no
// request. cfg may be nil, and is copied. The caller must close the Client.
func NewClient(endpoint string, cfg *Config) (*Client, error) {
	u, err := parseEndpoint(endpoint)
	if err != nil {
		return nil, &Error{Kind: KindConfig, Op: "new client", Err: err}
	}
	c := &Client{printed: redact.NewPrinted("oauth client of " + httprule.Origin(u)), endpoint: u, closed: make(chan struct{})}
	if cfg != nil {
		c.cfg = *cfg
		c.cfg.AuthParams = maps.Clone(cfg.AuthParams)
	}
	if err := c.cfg.check(); err != nil {
		return nil, &Error{Kind: KindConfig, Op: "new client", Err: err}
	}
	c.cfg.LoginTimeout = orDefault(c.cfg.LoginTimeout, DefaultLoginTimeout)
	c.cfg.RequestTimeout = orDefault(c.cfg.RequestTimeout, DefaultRequestTimeout)
	c.store, c.log = c.cfg.Store, c.cfg.Logger
	if c.store == nil {
		c.store = NewMemoryStore()
	}
	c.log = cmp.Or(c.log, slog.New(slog.DiscardHandler))
	c.fetcher = fetcher{transport: c.outgoing, timeout: c.cfg.RequestTimeout, egress: newEgress(u, &c.cfg)}
	c.discovery = discovery{fetcher: &c.fetcher, pkce: c.cfg.Grant == nil}
	c.registrar = registrar{fetcher: &c.fetcher, client: &c.cfg.Registration}
	c.closing, c.beginEnd = context.WithCancelCause(context.Background())
	c.root, c.endAll = context.WithCancel(context.Background())
	return c, nil
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return nil, errors.New("invalid endpoint URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("the endpoint must be an http or https URL")
	case u.User != nil:
		return nil, errors.New("the endpoint must not hold a user name or password")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func orDefault[T ~int64](v, usual T) T {
	if v <= 0 {
		return usual
	}
	return v
}

// base is the transport for requests to authorization servers.
type base struct {
	mu    sync.Mutex
	given http.RoundTripper   // guarded by mu: set by the last call of RoundTripper
	own   transport.Transport // guarded by mu: created when needed
	done  bool                // guarded by mu
}

// set makes rt the transport for later requests.
func (b *base) set(rt http.RoundTripper) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given = rt
}

// get returns the transport that was set, or the client's own if none was.
func (b *base) get() http.RoundTripper {
	b.mu.Lock()
	given := b.given
	b.mu.Unlock()
	if given != nil {
		return given
	}
	return b.direct()
}

// direct returns the client's own transport.
func (b *base) direct() http.RoundTripper {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.done:
		return closedTransport{}
	case b.own == nil:
		b.own = transport.NewDirect(nil)
	}
	return b.own
}

func (b *base) close() error {
	b.mu.Lock()
	own := b.own
	b.own, b.done = nil, true
	b.mu.Unlock()
	if own == nil {
		return nil
	}
	return own.Close()
}

// closedTransport fails every request with ErrClosed.
type closedTransport struct{}

// RoundTrip implements http.RoundTripper.
func (closedTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	closeBody(req)
	return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "authorize", Err: ErrClosed}
}

// outgoing returns the transport for requests to authorization servers.
func (c *Client) outgoing() http.RoundTripper {
	if c.cfg.Transport != nil {
		return c.cfg.Transport
	}
	return c.base.get()
}

// Close ends the client. Waiting callers fail with [ErrClosed], and a login in progress is
// canceled. A token request in flight gets 3 s to finish, so that no rotated token is lost. Close
// takes at most 5 s, and returns an error if a goroutine is still running then. It may be called
// more than once. Tokens stay in the Store; see [Client.Logout].
func (c *Client) Close() error {
	first := false
	c.closeOnce.Do(func() { first = true })
	if first {
		c.closeErr = c.close()
		close(c.closed)
	}
	<-c.closed // outside the Once, so that its lock is not held while Close waits for slow servers
	return c.closeErr
}

func (c *Client) close() error {
	c.beginEnd(&Error{Kind: KindClosed, Err: ErrClosed})
	done := c.owned.Close()
	patience, limit := time.NewTimer(closeGrace), time.NewTimer(closeLimit)
	defer patience.Stop()
	defer limit.Stop()
	var err error
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-patience.C:
			c.endAll()
		case <-limit.C:
			running, err = false, errors.New("oauth: close: goroutines are still running")
		}
	}
	c.endAll()
	return errors.Join(err, c.base.close())
}

// name returns the endpoint for display. It omits the query, which may hold a secret.
func (c *Client) name() string {
	u := *c.endpoint
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// covers reports whether u has the resource's origin.
func (c *Client) covers(u *url.URL) bool { return httprule.SameOrigin(u, c.endpoint) }

// work is the result of one background operation of a [Client]: loading, a renewal, an
// authorization.
type work struct {
	prompted bool // the user was prompted (authorizations only)
	stepUp   bool // the purpose was to get more scopes (authorizations only)
}

// flight runs one operation at a time and shares its result among all callers that need it.
type flight = singleflight.Group[work]

// join returns the operation in progress, or starts one with do. The operation runs on one of the
// client's goroutines, for at most limit. No caller's context cancels it. joined reports that the
// operation was already in progress. Such an operation may serve a different purpose than the
// caller's.
func (c *Client) join(f *flight, limit time.Duration, do func(context.Context, *work) error) (call *singleflight.Call[work], joined bool) {
	return f.Join(c.owned.Go, func() (w work, err error) {
		ctx, stop := context.WithTimeoutCause(c.root, limit, errTooSlow)
		defer stop()
		err = do(ctx, &w)
		return w, err
	})
}

// await waits for an operation to end and returns its error. It stops waiting when the caller's
// context ends or the client is closed.
func (c *Client) await(ctx context.Context, call *singleflight.Call[work]) error {
	_, err := call.Wait(ctx, c.closing)
	return err
}

var errTooSlow = errors.New("timeout")

// Status describes the authorization of a Client. It holds no secret.
type Status struct {
	// Endpoint is the URL of the MCP server. Resource is the server's resource identifier, Issuer
	// is its authorization server, and ClientID is this client's ID at the issuer. Resource, Issuer
	// and ClientID are empty while unknown.
	Endpoint, Resource, Issuer, ClientID string
	// Authorized reports whether there is a token. Only a request can show whether the resource
	// still accepts it.
	Authorized bool
	// Scopes are the scopes of the token: the granted scopes or, if the server did not list them,
	// the requested scopes.
	Scopes []string
	// Obtained and Expiry are the times when the token was obtained and when it expires. Expiry is
	// zero if the server did not specify a lifetime.
	Obtained, Expiry time.Time
	// Refreshable reports whether the token can be renewed without the user.
	Refreshable bool
	// DPoP reports whether the token is bound to a key.
	DPoP bool
	// Declined reports whether the user declined the login. Only [Client.Login] then prompts them
	// again.
	Declined bool
}

// Status returns the Client's current status. It may read the Store, but sends no request.
func (c *Client) Status(ctx context.Context) (Status, error) {
	s := Status{Endpoint: c.name()}
	if err := c.load(ctx); err != nil {
		return s, err
	}
	s.Declined = c.known.isDeclined()
	tok := c.held.Load()
	if tok == nil {
		if at := c.known.target(); at != nil {
			s.Resource, s.Issuer = at.resource, at.server.Issuer
		}
		return s, nil
	}
	s.Authorized, s.Resource, s.Issuer, s.ClientID = true, tok.Resource, tok.Issuer, tok.ClientID
	s.Obtained, s.Expiry, s.DPoP = tok.Obtained, tok.Expiry, tok.key != nil
	s.Refreshable = c.cfg.Grant != nil || tok.isRefreshable()
	if from := c.source(); from != nil && from.static {
		s.Refreshable = false
	}
	if s.Scopes = slices.Clone(tok.Granted); s.Scopes == nil {
		s.Scopes = slices.Clone(tok.Requested)
	}
	return s, nil
}
