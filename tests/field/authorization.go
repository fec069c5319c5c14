package field

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-mcp/hawser/oauth"
)

const (
	metadataPath = "/.well-known/oauth-protected-resource/mcp"
	serverPath   = "/.well-known/oauth-authorization-server"
	openIDPath   = "/.well-known/openid-configuration"
	redirectURI  = "http://127.0.0.1:1/callback"

	goodResource = `{"resource":"$BASE/mcp","authorization_servers":["$BASE"]}`
	goodToken    = `{"access_token":"$TOKEN","token_type":"Bearer","expires_in":3600,"refresh_token":"r"}`
)

// serverMetadata returns the metadata of an authorization server. members are appended as they are.
func serverMetadata(issuer, members string) string {
	return `{"issuer":"` + issuer + `","authorization_endpoint":"$BASE/authorize","token_endpoint":"$BASE/token",` +
		`"registration_endpoint":"$BASE/register"` + members + `}`
}

const pkce = `,"code_challenge_methods_supported":["S256"]`

// goodServer is the metadata of the honest authorization server.
var goodServer = serverMetadata("$BASE", pkce)

// authorized reports whether the request carries the token that it needs, if any.
func (s *Server) authorized(x *Exchange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	needed := s.auth && (!s.open || x.kind == "tools/call")
	return !needed || s.token != "" && x.Header.Get("Authorization") == "Bearer "+s.token
}

// revoke makes the server refuse all tokens that it has issued.
func (s *Server) revoke() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
}

// onlyCalls makes the server require a token only for tools/call.
func onlyCalls(s *Server) { s.open = true }

// authorize answers as an honest authorization server at the endpoint's origin.
func (s *Server) authorize(x *Exchange) {
	switch {
	case !s.auth:
		status(http.StatusNotFound)(x)
	case x.URL.Path == metadataPath:
		message(goodResource)(x)
	case x.URL.Path == serverPath:
		message(goodServer)(x)
	case x.URL.Path == "/register":
		object(http.StatusCreated, fmt.Sprintf(`{"client_id":"c%d"}`, s.Count("/register")))(x)
	case x.URL.Path == "/authorize":
		callback("code=x")(x)
	case x.URL.Path == "/token":
		message(goodToken)(x)
	default:
		status(http.StatusNotFound)(x)
	}
}

// callback redirects the user to the redirect URI, with the query and the state of the request.
func callback(query string) Answer {
	return func(x *Exchange) bool {
		sent := x.URL.Query()
		return redirect(http.StatusFound, sent.Get("redirect_uri")+"?"+query+"&state="+url.QueryEscape(sent.Get("state")))(x)
	}
}

// arrivesAt redirects the user to another path than that of the redirect URI, with a code.
func arrivesAt(path string) Answer {
	return func(x *Exchange) bool {
		return redirect(http.StatusFound, "http://127.0.0.1:1"+path+"?code=x&state="+url.QueryEscape(x.URL.Query().Get("state")))(x)
	}
}

// form returns a condition: the parameter of the form or query has this value.
func form(name, value string) func(x *Exchange) bool {
	return func(x *Exchange) bool { return x.form().Get(name) == x.expand(value) }
}

// form returns the form of the request. For GET it returns the query.
func (x *Exchange) form() url.Values {
	values, err := url.ParseQuery(x.body)
	if err != nil || x.Request.Method == http.MethodGet {
		return x.URL.Query()
	}
	return values
}

// authorizer returns an OAuth client whose user consents to everything.
func (p *Play) authorizer(q *Quirk) (*oauth.Client, error) {
	config := &oauth.Config{LoginTimeout: time.Minute, Login: oauth.LoginFunc(p.visit)}
	if q.OAuth != nil {
		q.OAuth(config, p)
	}
	return oauth.NewClient(p.URL, config)
}

// visit plays the user, who opens the authorization page and follows its redirect. Without a
// redirect, or with one that belongs to another login, visit waits until the login times out.
func (p *Play) visit(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, cmp.Or(p.redirectURI, redirectURI))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := p.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body) // only the redirect matters
	_ = resp.Body.Close()                 // the body has been read
	back := resp.Header.Get("Location")
	if back != "" {
		err = flow.Complete(ctx, back)
	}
	if back == "" || errors.Is(err, oauth.ErrForeignCallback) {
		<-ctx.Done()
		return ctx.Err()
	}
	return err
}
