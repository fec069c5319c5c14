package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// evidence is what the program learns from further requests after a failure. Hints use it to
// propose a command that works.
type evidence struct {
	offer
	endpoint string // another URL of the server, which is an MCP endpoint
}

// maxInvestigation is the timeout for collecting evidence.
const maxInvestigation = 5 * time.Second

// investigate collects evidence after err. It sends no credentials to another origin.
func (a *app) investigate(ctx context.Context, endpoint string, err error) {
	if err == nil || a.network == nil || ctx.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, maxInvestigation)
	defer cancel()
	switch {
	case mcpclient.KindOf(err) == mcpclient.KindAuthRequired, lacksScope(err), oauth.KindOf(err) != 0:
		a.found.offer = a.offered(ctx)
	case a.session == nil && isNoEndpoint(err):
		if u, err := url.Parse(endpoint); err == nil && u.Path != "/mcp" {
			u.Path, u.RawPath = "/mcp", ""
			if a.speaksMCP(ctx, u.String()) {
				u.RawQuery, u.Fragment = "", "" // they may be secret
				a.found.endpoint = oneLine(u.String(), 200)
			}
		}
	}
}

// lacksScope reports whether the server refused a token for its scope.
func lacksScope(err error) bool {
	var status *mcpclient.HTTPError
	return errors.As(err, &status) && status.InsufficientScope()
}

// isNoEndpoint reports whether err means that the URL is not an MCP endpoint.
func isNoEndpoint(err error) bool {
	var (
		status   *mcpclient.HTTPError
		protocol *mcpclient.ProtocolError
		redirect *mcpclient.RedirectError
	)
	switch {
	case errors.As(err, &status):
		code := status.Status
		return code == http.StatusNotFound || code == http.StatusMethodNotAllowed || code == http.StatusGone ||
			code == http.StatusNotImplemented || code/100 == 4 && isHTML(status) && !expectsTLS.MatchString(status.Preview)
	case errors.As(err, &redirect):
		return true
	}
	return errors.As(err, &protocol)
}

// speaksMCP reports whether endpoint, a URL of the same origin, is an MCP endpoint.
func (a *app) speaksMCP(ctx context.Context, endpoint string) bool {
	header, err := a.readHeaders()
	if err != nil {
		return false
	}
	s, err := mcpclient.Connect(ctx, endpoint, &mcpclient.Options{
		Transport: a.network, Header: header, ProtocolVersion: a.flags.protocol, ConnectRetry: mcpclient.Retry{MaxTries: -1},
		Timeouts: mcpclient.Timeouts{Close: time.Second},
	})
	if err == nil {
		_ = s.Close() // an error from the DELETE request changes nothing
	}
	return err == nil || mcpclient.KindOf(err) == mcpclient.KindAuthRequired
}

// Parts of hints that show how to send credentials. They contain no secret.
const (
	bearerHint = "--header 'Authorization: Bearer env:TOKEN'" //nolint:gosec // not a credential
	basicHint  = "--header 'Authorization: Basic env:CREDENTIALS'"
	keyHint    = "--header 'X-API-Key: env:KEY'"
)

var mentionsKey = regexp.MustCompile(`(?i)\bx?[-_ ]?api[-_ ]?key\b`)

// credentialsHint returns the hint for a 401 response. It proposes a login only if one can begin.
func (a *app) credentialsHint(err error) string {
	var status *mcpclient.HTTPError
	challenges, text := a.challenges(), ""
	if errors.As(err, &status) {
		text = status.Preview
		if status.RPC != nil {
			text += " " + status.RPC.Message
		}
	}
	basic := a.takesPassword()
	switch {
	case a.authorized && a.found.login:
		return "the server rejected the Authorization header; the token may have expired; omit the header and log in with: " + a.loginHint()
	case a.authorized && basic:
		return "the server rejected the Authorization header; it takes a user name and a password: " + basicHint + " (base64 of NAME:PASSWORD)"
	case a.authorized:
		return "the server rejected the Authorization header; the token may have expired; get a new one and send it: " + bearerHint
	case a.found.login && a.found.needsClient:
		return a.loginHint() + " with a client ID from the operator of the authorization server, which registers no clients " +
			"(or send a token: " + bearerHint + ")"
	case a.found.login:
		return a.loginHint() + " (or send a token: " + bearerHint + ")"
	case basic:
		return "the server takes a user name and a password: " + basicHint + " (base64 of NAME:PASSWORD)"
	case oauth.KindOf(a.found.broken) == oauth.KindNetwork:
		return "the authorization server cannot be reached: " + oneLine(a.found.broken.Error(), 300) + "; try again later, or send a token: " + bearerHint
	case a.found.broken != nil:
		return "no login can begin: " + oneLine(a.found.broken.Error(), 300) + "; tell the operator, or send a token: " + bearerHint
	case mentionsKey.MatchString(text + strings.Join(challenges, " ")):
		return "the server takes an API key: " + keyHint
	}
	return "the server offers no login; send the token or key that its operator gave you: " + bearerHint + " or " + keyHint
}

// takesPassword reports whether the last refusal requested a user name and a password, but no token.
func (a *app) takesPassword() bool {
	return slices.ContainsFunc(a.challenges(), func(c string) bool { return strings.HasPrefix(strings.ToLower(c), "basic") }) && !a.found.login
}

var refusesHost = regexp.MustCompile(
	`(?i)\b(host header|invalid host|host (.{0,80}not allowed|not allowed)|untrusted host|disallowedhost|dns rebinding|misdirected|only allowed at)`)

// acceptedHost matches the name of the only host that a server accepts (Playwright's server).
var acceptedHost = regexp.MustCompile(`(?i)\bonly allowed at ([\w.:\[\]-]+)`)

// forbiddenHint returns the hint for a 403 response.
func (a *app) forbiddenHint(err error) string {
	var status *mcpclient.HTTPError
	if !errors.As(err, &status) {
		return "access denied; the token may lack a scope"
	}
	text := status.Preview
	if status.RPC != nil {
		text += " " + status.RPC.Message
	}
	switch {
	case refusesHost.MatchString(text):
		return a.hostHint(text)
	case status.InsufficientScope():
		return a.scopeHint()
	case a.authorized:
		return "access denied; the token may lack a scope"
	}
	return "the server denies access to this client or address; ask its operator"
}

// scopeHint returns the hint for a token that lacks a scope.
func (a *app) scopeHint() string {
	lacks := "the token lacks a scope"
	if scope := oneLine(paramIn(a.challenges(), scopeParam), 200); scope != "" {
		lacks = "the token lacks the scope " + scope
	}
	switch {
	case a.found.login && a.authorized:
		return lacks + "; omit the Authorization header and log in with: " + a.loginHint()
	case a.found.login:
		return lacks + "; get one with: " + a.loginHint()
	}
	return lacks + "; get one that has it and send it: " + bearerHint
}

// hostHint returns the hint for a server that refuses the host name of the URL with this text. If
// the text names the accepted host, the hint proposes no other.
func (a *app) hostHint(text string) string {
	accepted := acceptedHost.FindStringSubmatch(text)
	other := otherLoopback(a.shown)
	if other != "" && (len(accepted) < 2 || strings.Contains(other+"/", "//"+accepted[1]+"/")) {
		return "the server does not accept this host name; try: hawser ping " + other
	}
	return "the server does not accept the host name " + a.host + "; add it to the server's allowed hosts"
}

// otherLoopback returns the URL with the other loopback name or address of this machine. It returns
// "" if the host is a different machine.
func otherLoopback(shown string) string {
	u, err := url.Parse(shown)
	if err != nil || !isThisMachine(u.Hostname()) {
		return ""
	}
	name := "localhost"
	if u.Hostname() == name {
		name = "127.0.0.1"
	}
	if port := u.Port(); port != "" {
		name = net.JoinHostPort(name, port)
	}
	u.Host = name
	return u.String()
}

// ownName returns the URL that the metadata of a server on this machine describes, if err says that
// it is another one: with localhost instead of 127.0.0.1, or the reverse. Otherwise it returns "".
// It never returns a URL on another machine, since a hostile server chooses what its metadata says.
func (a *app) ownName(err error) string {
	var document *oauth.DocumentError
	if other := otherLoopback(a.shown); other != "" && errors.As(err, &document) && document.Found == other {
		return other
	}
	return ""
}

// isLimited reports whether the server refused because there were too many requests.
func isLimited(err error) bool {
	var status *mcpclient.HTTPError
	return errors.As(err, &status) && status.Status == http.StatusTooManyRequests
}
