package oauth

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

var errLoginTimeout = errors.New("timeout: login not completed")

// flow is one authorization code grant (OAuth 2.1 section 4.1) with PKCE. It holds the state that
// the client needs when the user returns from the authorization server.
type flow struct {
	c        *Client
	at       *target // the issuer of at.server was validated
	replace  bool    // register even if there is a stored registration
	key      *dpopKey
	bound    bool
	state    string
	verifier string
	proposed string // the redirect URI to use, see proposedRedirect

	mu       sync.Mutex
	redirect string        // guarded by mu
	who      *registered   // guarded by mu: set by AuthorizationURL
	started  bool          // guarded by mu: a callback arrived
	rejected error         // guarded by mu: why the last callback was rejected that may explain a timeout
	notes    int           // guarded by mu: how many callbacks were noted
	over     bool          // guarded by mu: callbacks are rejected
	finished chan struct{} // closed once token and err are set
	token    *token
	err      error
}

// Format hides the flow's secrets.
func (*flow) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

func (c *Client) newFlow(ctx context.Context, at *target, replace bool) (*flow, error) {
	if !at.server.Guessed && !at.server.supportsPKCE() {
		return nil, &Error{Kind: KindMetadata, Op: "log in", URL: at.server.from, Err: &DocumentError{
			URL: at.server.from, Reason: "the authorization server does not support PKCE (code_challenge_methods_supported)",
			Wanted: "S256", Found: redact.Clean(strings.Join(at.server.ChallengeMethods, " "), maxHost),
		}}
	}
	if err := checkAuthorizationURL(at.server, c.fetcher.egress.insecure); err != nil {
		return nil, &Error{Kind: KindMetadata, Op: "log in", URL: at.server.from, Err: err}
	}
	key, bound, err := c.chooseDPoP(ctx, at.server, at.bound)
	if err != nil {
		return nil, err
	}
	return &flow{
		c: c, at: at, replace: replace, key: key, bound: bound, state: rand.Text(), verifier: oauth2.GenerateVerifier(),
		proposed: c.proposedRedirect(ctx, at.server), finished: make(chan struct{}),
	}, nil
}

// checkAuthorizationURL returns an error if a browser must not be sent to a server's authorization
// endpoint. It allows https, and http on loopback. If insecure is true (Config.AllowInsecureHTTP), it
// allows http to any host.
func checkAuthorizationURL(server *ServerMetadata, insecure bool) error {
	refused := &DocumentError{URL: server.from, Wanted: "an https URL, or http on loopback", Found: shownURL(server.AuthorizationEndpoint)}
	u, err := url.Parse(server.AuthorizationEndpoint)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		refused.Reason = "invalid authorization endpoint URL"
	case u.User != nil:
		refused.Reason = "the authorization endpoint must not hold a user name or password"
	case u.Scheme == "https", u.Scheme == "http" && (insecure || httprule.IsLoopback(u.Hostname())):
		return nil
	default:
		refused.Reason = "the authorization endpoint must be https, or http on loopback"
	}
	return refused
}

// Resource implements Flow.
func (f *flow) Resource() string { return f.c.name() }

// RedirectURI implements Flow.
func (f *flow) RedirectURI() string { return f.proposed }

// AuthorizationURL implements Flow.
func (f *flow) AuthorizationURL(ctx context.Context, redirectURI string) (string, error) {
	if err := checkRedirect(redirectURI); err != nil {
		return "", &Error{Kind: KindConfig, Op: "log in", Err: err}
	}
	f.mu.Lock()
	again := f.redirect != "" || f.over
	if !again {
		f.redirect = redirectURI
	}
	f.mu.Unlock()
	if again {
		return "", &Error{Kind: KindConfig, Op: "log in", Err: errors.New("AuthorizationURL was called twice")}
	}
	who, err := f.c.register(ctx, f.at.server, redirectURI, f.at.scopes, f.replace)
	if err != nil {
		return "", err
	}
	if f.c.workaround(ctx, who.issuer, who.clientID).NoOffline {
		f.at.scopes = withoutOffline(f.at.scopes)
	}
	f.mu.Lock()
	f.who = who
	f.mu.Unlock()
	config := &oauth2.Config{
		ClientID: who.clientID, RedirectURL: redirectURI, Scopes: f.at.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: f.at.server.AuthorizationEndpoint},
	}
	return config.AuthCodeURL(f.state, f.authOptions()...), nil
}

// Complete implements Flow. Browsers may send a callback twice. Complete then exchanges the code
// once and returns the same result for both.
func (f *flow) Complete(ctx context.Context, callbackURL string) error {
	answer, at, err := f.readCallback(callbackURL)
	if err != nil {
		return err
	}
	first, err := f.begin(at)
	if err != nil {
		f.note(err)
		return err
	}
	if first {
		f.token, f.err = f.finish(ctx, answer)
		close(f.finished)
	}
	select {
	case <-f.finished:
		return f.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// begin admits a callback that arrived at a URL, unless it does not belong to this flow. first
// reports whether no other was admitted before. who and redirect do not change afterwards.
func (f *flow) begin(at *url.URL) (first bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.who == nil || f.over {
		return false, fmt.Errorf("%w: no login is in progress", ErrForeignCallback)
	}
	if err := checkArrival(at, f.redirect); err != nil {
		return false, err
	}
	first = !f.started
	f.started = true
	return first, nil
}

// secrets returns what no error may repeat.
func (f *flow) secrets() []string { return []string{f.state, f.verifier} }

// note remembers and logs why a callback was rejected, in case no other arrives.
func (f *flow) note(err error) {
	f.mu.Lock()
	f.rejected = err
	f.notes++
	n := f.notes
	f.mu.Unlock()
	if n <= maxNotes {
		f.c.log.Warn("a callback was rejected", "error", err)
	}
}

// maxNotes is how many rejected callbacks of a login are logged. Any page can send more.
const maxNotes = 8

// readCallback returns the parameters of a callback with this flow's state, and the URL at which it
// arrived.
func (f *flow) readCallback(callbackURL string) (answer url.Values, at *url.URL, err error) {
	if at, err = url.Parse(callbackURL); err != nil {
		return nil, nil, fmt.Errorf("%w: not a URL", ErrForeignCallback)
	}
	if answer, err = url.ParseQuery(at.RawQuery); err != nil {
		return nil, nil, fmt.Errorf("%w: invalid query", ErrForeignCallback)
	}
	if len(answer["state"]) != 1 || subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.state)) != 1 {
		err := fmt.Errorf("%w: missing or wrong state", ErrForeignCallback)
		if code := redact.Clean(redact.Mask(answer.Get("error"), f.secrets()), 64); code != "" && !answer.Has("state") {
			// Some servers omit the state when they report an error. Anyone can send such a callback,
			// so it does not end the login.
			description := redact.Clean(redact.Mask(answer.Get("error_description"), f.secrets()), maxDescription)
			err = fmt.Errorf("%w, with the error %s: %s", err, code, description)
			f.note(err)
		}
		return nil, nil, err
	}
	return answer, at, nil
}

// finish checks the authorization response and exchanges the code. ctx may end with the browser's
// request, but its end does not cancel the exchange.
func (f *flow) finish(ctx context.Context, answer url.Values) (*token, error) {
	if err := f.judge(answer); err != nil {
		if code := codeOf(err); code == codeInvalidClient || code == codeUnauthorizedClient {
			f.unregister(ctx, f.who) // some servers redirect back although they do not know the client
		}
		return nil, err
	}
	ctx, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), 2*f.c.cfg.RequestTimeout, errTooSlow)
	defer stop()
	defer context.AfterFunc(f.c.root, stop)()
	req := &tokenRequest{op: "exchange code", at: f.at, who: f.who, key: f.key, bound: f.bound, form: url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "redirect_uri": {f.redirect},
		"code_verifier": {f.verifier}, "resource": {f.at.resource},
	}}
	tok, err := f.c.requestToken(ctx, req)
	if codeOf(err) == codeInvalidClient {
		f.unregister(ctx, f.who)
	}
	return tok, err
}

// judge checks an authorization response. It compares the issuer before it reads the code or the
// error: byte by byte (RFC 9207 section 2.4), with either spelling that the metadata documents use.
func (f *flow) judge(answer url.Values) error {
	op, server := "log in", f.at.server
	place := shownURL(server.AuthorizationEndpoint)
	wrong := func(reason, wanted, found string) error {
		return &Error{Kind: KindResponse, Op: op, URL: place, Err: &DocumentError{URL: place, Reason: reason, Wanted: wanted, Found: found}}
	}
	for _, name := range []string{"iss", "code", "error", "error_description"} {
		if len(answer[name]) > 1 {
			return wrong("duplicate parameter "+name+" in the callback", "one", strconv.Itoa(len(answer[name])))
		}
	}
	switch issuer, present := answer["iss"]; {
	case present && issuer[0] != server.Issuer && issuer[0] != cmp.Or(server.named, server.Issuer):
		return wrong("the callback is from another authorization server (iss)", shownURL(server.Issuer), shownURL(issuer[0]))
	case !present && server.IssuerInResponse:
		return wrong("the callback does not name its authorization server (iss)", shownURL(server.Issuer), "none")
	}
	if code := answer.Get("error"); code != "" {
		secrets := append(f.secrets(), answer.Get("code"))
		e := &Error{
			Kind: KindRefused, Op: op, URL: place, Code: redact.Clean(redact.Mask(code, secrets), 64),
			Description: redact.Clean(redact.Mask(answer.Get("error_description"), secrets), maxDescription),
		}
		switch code {
		case "access_denied":
			e.Kind, e.Err = KindDeclined, ErrDeclined
		case codeServerError, codeUnavailable:
			e.Kind = KindNetwork
		case codeInvalidTarget:
			e.Err = errNoResource
		}
		return e
	}
	if answer.Get("code") == "" {
		return wrong("the callback has neither a code nor an error", "code or error", "neither")
	}
	return nil
}

// explain adds the error of a callback without state to the error of a login that timed out.
func (f *flow) explain(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rejected != nil {
		return fmt.Errorf("%w; %s", err, strings.TrimPrefix(f.rejected.Error(), "oauth: "))
	}
	return err
}

// forgetUnused deletes the dynamic registration if no callback arrived: the server may have shown
// the user that it no longer knows the client. The next login then registers again.
func (f *flow) forgetUnused(ctx context.Context) {
	f.mu.Lock()
	who, started := f.who, f.started
	f.mu.Unlock()
	if who != nil && !started {
		f.unregister(ctx, who)
	}
}

// unregister forgets a client that was registered dynamically.
func (f *flow) unregister(ctx context.Context, who *registered) {
	if !f.c.isDynamic(f.at.server) {
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), saveLimit)
	defer stop()
	f.c.unregister(ctx, f.at.server.Issuer, who.clientID)
}

// end makes the flow reject further callbacks. It waits for a code exchange in progress and returns
// its result. The token is nil if no callback arrived.
func (f *flow) end() (*token, error) {
	f.mu.Lock()
	f.over = true
	started := f.started
	f.mu.Unlock()
	if !started {
		return nil, nil
	}
	<-f.finished
	return f.token, f.err
}

// Login sends the user to the authorization server and waits for them to come back. Package
// oauth/loopback implements it with a browser on this machine. A [Client] runs one login at a time,
// and bounds it with ctx.
//
// If the server refuses the scopes of a login (invalid_scope), the Client calls Login again, at most
// twice, with other scopes or another registration.
//
// Login returns nil, its own error, or the error of flow.Complete. It must not return
// [ErrForeignCallback]. Its error wraps [ErrDeclined] if the user does not want to authorize.
type Login interface {
	Login(ctx context.Context, flow Flow) error
}

// Flow is one authorization in progress, for a [Login]. The Login calls AuthorizationURL once, then
// Complete for each callback that arrives.
type Flow interface {
	// Resource returns the URL of the server that requires authorization, to show to the user.
	Resource() string
	// RedirectURI returns the redirect URI to use. It is that of the last dynamic registration with
	// the authorization server: using the same URI, and so the same loopback port, avoids another
	// registration. Before the first registration, it is on loopback without a port, which the Login
	// adds. Its path is distinct for each authorization server (RFC 9700 section 4.4), so that a code
	// of another server is recognized. It is "" if the client is not registered dynamically.
	RedirectURI() string
	// AuthorizationURL returns the URL of the page to open. redirectURI is the URL to which the
	// authorization server sends the user back. It must be http on loopback, or https.
	AuthorizationURL(ctx context.Context, redirectURI string) (string, error)
	// Complete checks callbackURL, the full URL to which the user was sent back, and exchanges its
	// code. If the callback does not belong to this flow (wrong or missing state, another path than
	// that of the redirect URI), the error wraps [ErrForeignCallback]. The right callback may still
	// arrive.
	Complete(ctx context.Context, callbackURL string) error
}

var (
	// ErrDeclined says that the user declined the login. The user is not prompted again until
	// [Client.Login] is called.
	ErrDeclined = errors.New("oauth: the user declined")
	// ErrForeignCallback says that a callback does not belong to this login.
	ErrForeignCallback = errors.New("oauth: this callback does not belong to the login in progress")
)

// LoginFunc implements Login with a function.
type LoginFunc func(ctx context.Context, flow Flow) error

// Login calls f.
func (f LoginFunc) Login(ctx context.Context, flow Flow) error { return f(ctx, flow) }
