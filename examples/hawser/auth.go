package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/oauth/loopback"
)

// authFlags are the flags for authorization.
type authFlags struct {
	clientID, secretFile, keyFile string
	scopes, params                []string
	store                         string
	grant                         string
	callback, metadata            string
	port                          int
	noBrowser, noResource         bool
}

// grantCredentials is the only value of --grant.
const grantCredentials = "client-credentials"

// configured reports whether the command line has settings for authorization.
func (f *authFlags) configured() bool {
	return f.clientID != "" || f.grant != "" || f.store != "" || len(f.scopes) > 0
}

// authorization returns the client that attaches tokens to requests. It is nil if the user set an
// Authorization header. login is nil for commands that do not ask the user. For these, the client is
// also nil if the user never logged in to the server: a refusal then says more than a failed search
// for its authorization server.
func (a *app) authorization(ctx context.Context, endpoint string, login oauth.Login) (*oauth.Client, error) {
	f := &a.flags.auth
	if a.authorized || a.entry != nil && a.entry.OAuth != nil && a.entry.OAuth.Off {
		return nil, nil
	}
	dir := f.store
	if dir == "" {
		var err error
		if dir, err = filestore.DefaultDir(); err != nil && login == nil {
			return nil, nil
		} else if err != nil {
			return nil, usageError("--store takes a directory for tokens", "%v", err)
		}
	}
	if login == nil && !a.typed().auth.configured() {
		if _, err := os.Stat(dir); err != nil {
			return nil, nil //nolint:nilerr // no login yet
		}
	}
	cfg := &oauth.Config{
		Scopes: f.scopes, AuthParams: a.authParams, NoResource: f.noResource, Login: login, Logger: a.log,
		Registration: oauth.Registration{ClientID: f.clientID, Name: "hawser command line"},
	}
	if err := a.credentials(cfg); err != nil {
		return nil, err
	}
	store, err := filestore.New(dir)
	if err != nil {
		return nil, usageError(storeHint, "cannot store tokens: %v", err)
	}
	cfg.Store = store
	c, err := oauth.NewClient(endpoint, cfg)
	if err != nil {
		return nil, usageError("see hawser login --help", "%v", err)
	}
	a.closers = append(a.closers, c)
	if login != nil || cfg.Grant != nil {
		return c, nil
	}
	status, err := c.Status(ctx)
	if err != nil || !status.Authorized {
		return nil, err
	}
	a.loggedIn = true
	return c, nil
}

// credentials reads the credentials of the client.
func (a *app) credentials(cfg *oauth.Config) error {
	f := &a.flags.auth
	cfg.Registration.ClientSecret = a.clientSecret
	if a.entry != nil && a.entry.OAuth != nil {
		cfg.Issuer = a.entry.OAuth.Issuer
	}
	if f.secretFile != "" {
		secret, err := readSecret(f.secretFile)
		if err != nil {
			return usageError("--client-secret-file takes a file with the secret of --client-id", "%v", err)
		}
		cfg.Registration.ClientSecret = secret
	}
	if f.keyFile != "" {
		key, err := readSecret(f.keyFile)
		if err != nil {
			return usageError("--client-key-file takes a private key in PEM", "%v", err)
		}
		cfg.Registration.Key = &oauth.ClientKey{PEM: []byte(key)}
	}
	switch f.grant {
	case "":
	case grantCredentials:
		cfg.Grant, cfg.Login = oauth.ClientCredentials{}, nil
	default:
		return usageError("--grant takes "+grantCredentials, "invalid value %q for --grant", oneLine(f.grant, 40))
	}
	return nil
}

// checkAuth checks the flags for authorization and sets a.authParams.
func (a *app) checkAuth() error {
	f := &a.flags.auth
	if f.callback != "" {
		if f.port != 0 {
			return usageError("omit --port: --callback contains the port", "--port and --callback exclude each other")
		}
		if err := (&loopback.Login{Callback: f.callback}).Check(); err != nil {
			return usageError(callbackHint, "--callback: %s", strings.TrimPrefix(err.Error(), "oauth/loopback: "))
		}
	}
	a.authParams = map[string]string{}
	for _, param := range f.params {
		name, value, ok := strings.Cut(param, "=")
		if _, twice := a.authParams[name]; !ok || twice {
			return usageError(paramHint, "invalid value %q for --auth-param", oneLine(param, 60))
		}
		a.authParams[name] = value
	}
	// The endpoint does not matter: the client sends nothing.
	c, err := oauth.NewClient("https://mcp.example.com/mcp", &oauth.Config{AuthParams: a.authParams})
	if err != nil {
		return usageError(paramHint, "--auth-param: %s", strings.Replace(errors.Unwrap(err).Error(), " in Config.AuthParams", "", 1))
	}
	return c.Close()
}

const (
	callbackHint = "--callback takes the redirect URI as it is registered, such as http://localhost:8976/callback"
	paramHint    = "--auth-param takes NAME=VALUE, once for each name, such as access_type=offline"
)

// person returns a login by the user, with a browser here or on another machine. It calls begun
// before it asks the user.
func (a *app) person(begun func()) oauth.Login {
	login := &loopback.Login{Port: a.flags.auth.port, Callback: a.flags.auth.callback, Out: a.con}
	if a.flags.auth.noBrowser {
		login.Open = func(context.Context, string) error { return nil }
	}
	if a.env.person {
		login.Paste = loopback.Lines(a.env.stdin)
	}
	return oauth.LoginFunc(func(ctx context.Context, flow oauth.Flow) error {
		begun()
		a.waits.end()                                      // from here on, the user takes the time
		if a.client != "" && a.flags.auth.clientID == "" { // the server may have forgotten the registration
			a.con.line("If the page says that the client is unknown, press Ctrl-C and log in again; hawser then registers a new client.")
		}
		if a.env.login != nil {
			return a.env.login.Login(ctx, flow)
		}
		return login.Login(ctx, flow)
	})
}

// asFlags replaces the fields of package oauth that errors name by the flags that set them.
var asFlags = strings.NewReplacer("Config.NoResource", "--no-resource", "Registration.ClientID", "--client-id",
	"Config.AuthParams", "--auth-param")

// authFailure explains errors of authorization.
func (a *app) authFailure(cmd *cobra.Command, err error, f failure) failure {
	var e *oauth.Error
	if !errors.As(err, &e) {
		return f
	}
	f.cause = oneLine(asFlags.Replace(e.Error()), 400)
	if f.code != exitUnknown {
		f.code = exitAuth
	}
	login := a.command("login")
	f.hint = ""
	if cmd != nil && cmd.Name() == "login" || a.flags.auth.grant != "" {
		f.hint = a.failedLoginHint(e) // not the command that has just failed
	}
	unknown := e.Kind == oauth.KindRegistration || e.Kind == oauth.KindMetadata && a.takesPassword()
	switch e.Kind { //nolint:exhaustive // the others have no hint
	case oauth.KindLoginRequired:
		f.cause, f.hint = "not logged in to "+a.shown, a.credentialsHint(err)
		if a.loggedIn {
			f.cause = "the login to " + a.shown + " has expired or was revoked"
		}
		if slices.ContainsFunc(a.challenges(), func(c string) bool { return strings.Contains(c, "insufficient_scope") }) {
			f.cause, f.hint = "access denied by "+a.shown, a.scopeHint()
		}
	case oauth.KindRegistration, oauth.KindMetadata:
		switch {
		case unknown && !a.found.login: // the client tried places that no document names
			f.cause, f.hint = "the server offers no login: "+f.cause, a.credentialsHint(err)
		case e.Code == "invalid_redirect_uri" && a.flags.auth.callback == "":
			f.hint = "if the authorization server allows only localhost: " + a.command("login", "--callback", "http://localhost:8976/callback")
		case e.Code == "invalid_redirect_uri":
			f.hint = "the authorization server does not allow this --callback; ask its operator which one it allows"
		case e.Kind == oauth.KindRegistration && a.client != "":
			f.hint = "log in as the same client as before: " + a.command("login", "--client-id", a.client)
		case e.Kind == oauth.KindRegistration:
			f.hint = "if you have a client ID for this server, pass it with --client-id"
		case f.hint == "":
			f.hint = "the server's authorization is misconfigured; show its operator the output of: " + a.traced(cmd)
		}
		if other := a.ownName(err); other != "" {
			f.hint = "the server calls itself " + other + "; log in there: hawser login " + other
		}
	case oauth.KindDeclined:
		f.hint = "try again with: " + login
	case oauth.KindStore:
		f.code, f.hint = exitUsage, storeHint
	case oauth.KindNetwork:
		if f.code != exitUnknown {
			f.code = exitNotRun
		}
		f.hint = "the authorization server did not answer; see more with: " + a.traced(cmd)
	case oauth.KindRefused:
		if f.hint == "" {
			f.hint = "get a new token with: " + login
		}
	}
	return f
}

const storeHint = "--store takes a directory that only you can read and write"

// traced returns the command that shows why the authorization server failed.
func (a *app) traced(cmd *cobra.Command) string {
	if cmd != nil && cmd.Name() == "login" {
		return a.command("login", "--trace")
	}
	return a.command("ping", "--trace")
}

// failedLoginHint returns the hint for a login that failed.
func (a *app) failedLoginHint(e *oauth.Error) string {
	switch e.Code {
	case "invalid_target":
		if !a.flags.auth.noResource {
			return "try again with: " + a.command("login", "--no-resource") + " (each command for this server then needs this flag)"
		}
	case "invalid_client", "unauthorized_client":
		return "the authorization server does not accept this client; pass yours with --client-id and --client-secret-file"
	case "invalid_scope":
		return "the authorization server does not grant these scopes; choose others with --scope"
	case "access_denied":
		return "access was denied at the authorization server; log in as a user who may use this server"
	}
	switch e.Kind { //nolint:exhaustive // the others are the server's
	case oauth.KindLogin:
		return "if the browser runs elsewhere: " + a.command("login", "--no-browser")
	case oauth.KindConfig, oauth.KindClosed:
		return ""
	}
	return "the server's authorization is misconfigured; show its operator the output of: " + a.command("login", "--trace")
}
