package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// registered is this client's identity for one authorization server.
type registered struct {
	clientID, secret, authMethod string
	redirectURIs                 []string
	scopes                       []string  // that the client registered with
	expires                      time.Time // zero: never
	issuer                       string
	isNew                        bool // registered for the login in progress
	limited                      bool // the server confirmed scopes, so it may refuse others
}

// Format hides the secret.
func (registered) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

// registrar determines this client's identity for an authorization server. It does not store
// registrations: see Client.register.
type registrar struct {
	fetcher *fetcher
	client  *Registration
}

// IssuerError says that the client ID of [Registration] belongs to a different authorization server
// than the one that the resource names. An [*Error] of KindRegistration wraps it.
type IssuerError struct {
	// Registered is the issuer that the client ID belongs to. Named is the issuer that the resource
	// names.
	Registered, Named string
}

// Error names both issuers.
func (e *IssuerError) Error() string {
	return fmt.Sprintf("the client id or assertion is for %q (see Registration.Issuer, Config.Issuer), and the resource names %q",
		redact.Clean(e.Registered, maxHost), redact.Clean(e.Named, maxHost))
}

// register returns this client's identity for server. It is the configured client ID; or, without
// one, MetadataURL if the server supports metadata documents; or else the result of a dynamic
// registration for these scopes.
func (r *registrar) register(ctx context.Context, server *ServerMetadata, redirectURI string, scopes []string) (*registered, error) {
	const op = "register"
	c := r.client
	unknown := func(why string) error {
		return &Error{Kind: KindRegistration, Op: op, URL: server.from, Err: errors.New(why)}
	}
	switch {
	case c.ClientID != "" && c.Issuer != "" && !sameIssuer(c.Issuer, server.Issuer):
		return nil, &Error{Kind: KindRegistration, Op: op, URL: server.from, Err: &IssuerError{c.Issuer, server.Issuer}}
	case c.ClientID != "":
		return &registered{clientID: c.ClientID, secret: c.ClientSecret, authMethod: c.AuthMethod, issuer: server.Issuer}, nil
	case c.MetadataURL != "" && server.ClientIDMetadata:
		who := &registered{clientID: c.MetadataURL, authMethod: authNone, issuer: server.Issuer}
		if c.Key != nil {
			who.authMethod = authPrivateKey
		}
		return who, nil
	case c.NoDynamic:
		return nil, unknown("no client ID configured and dynamic registration is disabled")
	case server.RegistrationEndpoint == "":
		return nil, unknown("no client ID configured and the server does not register clients")
	case redirectURI == "":
		return nil, unknown("a client without a Login cannot be registered dynamically")
	}
	return r.negotiate(ctx, server, newClientMetadata(c, server, redirectURI, scopes))
}

// negotiate registers with the preferred metadata. If the server's error code does not say which
// field is wrong, negotiate tries other metadata.
func (r *registrar) negotiate(ctx context.Context, server *ServerMetadata, wish *clientMetadata) (*registered, error) {
	who, first := r.dynamic(ctx, server, wish)
	if wish.Scope != "" && refusesScope(first) {
		unscoped := *wish // some servers choose the scopes of a client themselves
		unscoped.Scope, wish = "", &unscoped
		if who, err := r.dynamic(ctx, server, wish); err == nil || KindOf(err) == KindNetwork {
			return who, err
		}
	}
	for _, other := range wish.others(server, codeIn(first)) {
		who, err := r.dynamic(ctx, server, other)
		if err == nil || KindOf(err) == KindNetwork {
			return who, err
		}
		if len(wish.others(server, codeIn(err))) == 0 {
			break
		}
	}
	return who, first
}

// refusesScope reports whether a registration may have been refused because of its scope. Servers
// use several error codes for it. Some mention it only in their text.
func refusesScope(err error) bool {
	code := codeIn(err)
	return code == "invalid_client_metadata" || code == codeInvalidScope || code == "insufficient_scope" ||
		KindOf(err) == KindRegistration && strings.Contains(strings.ToLower(err.Error()), "scope")
}

// others returns the metadata to try after the server refused m with the error code.
func (m clientMetadata) others(server *ServerMetadata, code string) []*clientMetadata {
	var others []*clientMetadata
	if code == "invalid_client_metadata" && m.AuthMethod != authNone && len(server.TokenAuthMethods) == 0 {
		public := m // some servers accept only public clients, and do not say so
		public.AuthMethod = authNone
		others = append(others, &public)
	}
	if code == "invalid_client_metadata" || code == "invalid_redirect_uri" {
		converted := m // some servers support only one application type
		converted.ApplicationType = otherType(m.ApplicationType)
		others = append(others, &converted)
	}
	return others
}

const (
	typeNative = "native"
	typeWeb    = "web"
)

func otherType(t string) string {
	if t == typeNative {
		return typeWeb
	}
	return typeNative
}

// codeIn returns the error code of a refused registration, or "" for other errors.
func codeIn(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Kind == KindRegistration {
		return e.Code
	}
	return ""
}

// clientMetadata is the metadata of a client (RFC 7591 section 2).
type clientMetadata struct {
	Name            string   `json:"client_name"`
	Redirects       []string `json:"redirect_uris"`
	ApplicationType string   `json:"application_type"`
	GrantTypes      []string `json:"grant_types"`
	ResponseTypes   []string `json:"response_types"`
	AuthMethod      string   `json:"token_endpoint_auth_method,omitempty"`
	Scope           string   `json:"scope,omitempty"`
}

func newClientMetadata(c *Registration, server *ServerMetadata, redirectURI string, scopes []string) *clientMetadata {
	m := &clientMetadata{
		Name: c.Name, Redirects: []string{redirectURI}, ApplicationType: typeWeb,
		GrantTypes: []string{"authorization_code"}, ResponseTypes: []string{"code"}, Scope: strings.Join(scopes, " "),
	}
	m.Name = cmp.Or(m.Name, "Hawser")
	if u, err := url.Parse(redirectURI); err == nil && httprule.IsLoopback(u.Hostname()) {
		m.ApplicationType = typeNative
	}
	if len(server.GrantTypes) == 0 || slices.Contains(server.GrantTypes, "refresh_token") {
		m.GrantTypes = append(m.GrantTypes, "refresh_token")
	}
	m.AuthMethod = wishedAuth(server)
	return m
}

// wishedAuth returns the authentication method to register with. The method is "none" if the server
// lists it, because a program on the user's machine cannot keep a secret from the user (OAuth 2.1
// section 2.1). If the server's metadata lists no methods, the method is client_secret_basic (RFC
// 8414 section 2). If the server has no metadata, the method is "none", as for the public clients
// of revision 2025-03-26. It is "" if the server lists only methods that this client cannot
// register with.
func wishedAuth(server *ServerMetadata) string {
	offered := server.TokenAuthMethods
	switch {
	case server.Guessed:
		return authNone
	case len(offered) == 0:
		return authBasic
	}
	for _, method := range []string{authNone, authBasic, authPost} {
		if slices.Contains(offered, method) {
			return method
		}
	}
	return ""
}

// registration is the response to a registration (RFC 7591 sections 3.2.1 and 3.2.2).
type registration struct {
	ID          string   `json:"client_id"`
	Secret      string   `json:"client_secret"`
	Expires     float64  `json:"client_secret_expires_at"`
	AuthMethod  string   `json:"token_endpoint_auth_method"`
	Redirects   []string `json:"redirect_uris"`
	Scope       string   `json:"scope"`
	Error       string   `json:"error"`
	Description string   `json:"error_description"`
}

// Format hides the secret.
func (registration) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

func (r *registrar) dynamic(ctx context.Context, server *ServerMetadata, wish *clientMetadata) (*registered, error) {
	const op = "register"
	body, err := json.Marshal(wish)
	if err != nil {
		return nil, &Error{Kind: KindConfig, Op: op, Err: err}
	}
	a, err := r.fetcher.postJSON(ctx, op, server.RegistrationEndpoint, body)
	if err != nil {
		return nil, err
	}
	u, _ := url.Parse(server.RegistrationEndpoint) // no error: postJSON has parsed the same URL
	reply := new(registration)
	err = readJSON(u, a, reply)
	switch {
	case httpstatus.Of(a.status).Transient():
		return nil, &Error{Kind: KindNetwork, Op: op, URL: a.url, Status: a.status, Err: &statusError{a.url, a.status}}
	case a.status != http.StatusCreated && a.status != http.StatusOK || err == nil && reply.Error != "":
		why := error(&statusError{a.url, a.status})
		if text := redact.Line(string(a.body), maxDescription); err != nil && text != "" && !strings.ContainsRune("<{[", rune(text[0])) {
			why = fmt.Errorf("%w: %s", why, text)
		}
		why = fmt.Errorf("%w (a client ID that the server's operator issued works without registration: see Registration.ClientID)", why)
		refused := &Error{Kind: KindRegistration, Op: op, URL: a.url, Status: a.status, Err: why}
		if err == nil {
			refused.Code, refused.Description = redact.Clean(reply.Error, 64), redact.Clean(reply.Description, maxDescription)
		}
		return nil, refused
	case err != nil:
		return nil, &Error{Kind: KindResponse, Op: op, URL: a.url, Err: err}
	}
	who, err := reply.accept(server, wish)
	if err != nil {
		return nil, &Error{Kind: KindResponse, Op: op, URL: a.url, Err: err}
	}
	return who, nil
}

const maxClientID = 4 << 10 // maximum length of a client ID or a client secret, in bytes

// accept checks the response to a registration and returns the new identity. The response may
// differ from the request if this client can still use it.
func (r registration) accept(server *ServerMetadata, wish *clientMetadata) (*registered, error) {
	who := &registered{clientID: r.ID, secret: r.Secret, authMethod: r.AuthMethod, redirectURIs: r.Redirects, issuer: server.Issuer}
	repeated := r.AuthMethod == wish.AuthMethod && len(server.TokenAuthMethods) == 0 // the server only repeated the request
	if who.secret == "" && (who.authMethod == "" || repeated) {
		who.authMethod = authNone
	}
	if who.redirectURIs == nil {
		who.redirectURIs = wish.Redirects
	}
	switch {
	case r.ID == "" || len(r.ID) > maxClientID || redact.Clean(r.ID, maxClientID) != r.ID:
		return nil, registrationError(server, "no usable client_id", "1 to 4096 printable bytes", fmt.Sprintf("%d bytes", len(r.ID)))
	case len(r.Secret) > maxClientID:
		return nil, &LimitError{"bytes of a client_secret", maxClientID, len(r.Secret)}
	case !slices.ContainsFunc(who.redirectURIs, func(uri string) bool { return sameRedirect(uri, wish.Redirects[0]) }):
		first := strings.Join(who.redirectURIs[:min(1, len(who.redirectURIs))], "")
		return nil, registrationError(server, "the server registered a different redirect URI", shownURL(wish.Redirects[0]), shownURL(first))
	case !slices.Contains([]string{"", authNone, authBasic, authPost}, who.authMethod):
		const supported = authBasic + ", " + authPost + " or " + authNone
		return nil, registrationError(server, "unsupported client authentication method", supported, redact.Clean(who.authMethod, 64))
	case who.secret == "" && who.authMethod != authNone:
		return nil, registrationError(server, "no client_secret, which its authentication method requires", "client_secret for "+who.authMethod, "none")
	}
	who.redirectURIs = slices.Clone(wish.Redirects) // the server's other URIs are not used
	if wish.Scope != "" {
		who.scopes = strings.Fields(wish.Scope)
		who.limited = contains(strings.Fields(r.Scope), who.scopes)
	}
	if r.Secret != "" {
		who.expires = readTime(r.Expires)
	}
	return who, nil
}

func registrationError(server *ServerMetadata, reason, wanted, found string) error {
	return &DocumentError{URL: shownURL(server.RegistrationEndpoint), Reason: reason, Wanted: wanted, Found: found}
}

// sameRedirect reports whether a registered redirect URI matches the one that this client asked for
// and uses. On loopback the ports may differ (RFC 8252 section 7.3), and an empty path equals "/":
// some servers normalize what they register.
func sameRedirect(registered, asked string) bool {
	if registered == asked {
		return true
	}
	a, errA := url.Parse(registered)
	b, errB := url.Parse(asked)
	return errA == nil && errB == nil && a.Scheme == "http" && b.Scheme == "http" && a.User == nil && a.Fragment == "" &&
		httprule.IsLoopback(b.Hostname()) && strings.EqualFold(a.Hostname(), b.Hostname()) &&
		cmp.Or(a.EscapedPath(), "/") == cmp.Or(b.EscapedPath(), "/") && a.RawQuery == b.RawQuery
}

// readTime reads seconds since 1970; 0 means never (RFC 7591 section 3.2.1). Some servers count in
// milliseconds or smaller units, so readTime divides values beyond the year 5138 by 1000, up to
// three times. A value that is still too large means never.
func readTime(seconds float64) time.Time {
	const beyond = 1e11
	for range 3 {
		if seconds >= beyond {
			seconds /= 1000
		}
	}
	if seconds <= 0 || seconds >= beyond {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}
