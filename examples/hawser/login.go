package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

func (a *app) loginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Log in to a server in a browser and store the token",
		Long: `login finds the server's authorization server, registers a client if necessary,
opens the login page in a browser and waits until you are done. It also prints
the URL of the page: on a machine without a browser, open it elsewhere and enter
the final URL of that browser here.

The token is stored in a directory that only you can read. Other commands use
and renew it. With --grant client-credentials there is no login, and no token is
stored.`,
	}
	f := cmd.Flags()
	f.StringVar(&a.flags.auth.metadata, "resource-metadata", "",
		"the `URL` of the server's OAuth metadata, if only the challenge of a refused call names it")
	f.IntVar(&a.flags.auth.port, "port", 0, "the local `port` for the browser's redirect (default: any)")
	f.BoolVar(&a.flags.auth.noBrowser, "no-browser", false, "print the URL of the login page without opening it")
	return a.serverCommand(cmd, 1, 1, a.login)
}

func (a *app) login(ctx context.Context, args []string) error {
	asked := false
	begun := func() { asked = true }
	c, err := a.loginClient(ctx, args[0], begun)
	if err != nil {
		return err
	}
	before, err := c.Status(ctx)
	if err != nil {
		return err
	}
	a.client = before.ClientID
	if before.Authorized && a.flags.auth.grant == "" { // the user wants a new login
		if err := c.Login(ctx); err != nil {
			return err
		}
	}
	if _, c, err = a.reach(ctx, args[0], mcpclient.Handlers{}, c, a.person(begun)); err != nil {
		return err
	}
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if !status.Authorized && !asked {
		if a.flags.auth.metadata == "" && !a.namesServer(ctx) {
			a.con.line("the server requires no authorization; no login is necessary")
			return nil
		}
		if err := a.loginUnasked(ctx, c); err != nil { // some servers require a login only for calls
			return err
		}
		if status, err = c.Status(ctx); err != nil {
			return err
		}
	}
	if missing := a.notGranted(status.Scopes); status.Authorized && len(missing) > 0 {
		a.con.line("the authorization server did not grant the scope " + oneLine(strings.Join(missing, " "), 200))
	}
	return a.showStatus(status)
}

// loginUnasked logs in to a server that did not refuse the connection. It finds the server's
// metadata at --resource-metadata, as if a challenge named it, or at a well-known URL.
func (a *app) loginUnasked(ctx context.Context, c *oauth.Client) error {
	if a.flags.auth.metadata == "" {
		return c.Login(ctx)
	}
	challenge := fmt.Sprintf("Bearer resource_metadata=%q", a.flags.auth.metadata)
	return c.Authorize(ctx, a.endpoint, http.StatusUnauthorized, http.Header{"Www-Authenticate": {challenge}}, time.Now())
}

// loginClient returns the authorization client of a login command. It uses the same transport as a
// session.
func (a *app) loginClient(ctx context.Context, endpoint string, begun func()) (*oauth.Client, error) {
	if err := a.readURL(endpoint); err != nil {
		return nil, err
	}
	if _, err := a.readHeaders(); err != nil {
		return nil, err
	}
	if a.authorized {
		return nil, usageError("omit --header 'Authorization: …'", "cannot log in with an Authorization header")
	}
	network, err := a.openTransport(ctx)
	if err != nil {
		return nil, err
	}
	c, err := a.authorization(ctx, endpoint, a.person(begun))
	if err != nil {
		return nil, err
	}
	c.RoundTripper(network)
	return c, nil
}

// storedLogin returns the authorization client and the login status for a URL. If the URL has no
// path and no login, it checks the URL with /mcp, because the login command may have used that.
func (a *app) storedLogin(ctx context.Context, endpoint string) (*oauth.Client, oauth.Status, error) {
	c, err := a.loginClient(ctx, endpoint, func() {})
	if err != nil {
		return nil, oauth.Status{}, err
	}
	status, err := c.Status(ctx)
	other := withMCP(endpoint)
	if err != nil || status.Authorized || other == "" {
		return c, status, err
	}
	before := a.endpoint
	second, err := a.loginClient(ctx, other, func() {})
	if err != nil {
		return nil, status, err
	}
	found, err := second.Status(ctx)
	if err != nil || found.Authorized {
		return second, found, err
	}
	a.endpoint, a.shown = before, oneLine(shellURL(before), 200)
	return c, status, nil
}

func (a *app) logoutCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "logout URL", Short: "Revoke and delete the token of a server"}
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		c, before, err := a.storedLogin(ctx, args[0])
		if err != nil {
			return err
		}
		if !before.Authorized {
			a.con.line("not logged in to " + a.shown)
			return nil
		}
		if err := c.Logout(ctx); err != nil {
			return err
		}
		a.con.line("logged out of " + a.shown)
		return nil
	})
}

func (a *app) whoamiCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "whoami URL", Short: "Show how you are logged in to a server, without contacting it"}
	return a.serverCommand(cmd, 1, 1, func(ctx context.Context, args []string) error {
		_, status, err := a.storedLogin(ctx, args[0])
		if err != nil {
			return err
		}
		if !status.Authorized {
			return &failure{code: exitAuth, cause: "not logged in to " + a.shown, hint: a.command("login")}
		}
		return a.showStatus(status)
	})
}

// showStatus prints the status of a login. The output contains no secret.
func (a *app) showStatus(s oauth.Status) error {
	if a.flags.json {
		type status struct {
			Endpoint    string     `json:"endpoint"`
			Resource    string     `json:"resource,omitempty"`
			Issuer      string     `json:"issuer,omitempty"`
			ClientID    string     `json:"clientId,omitempty"`
			Scopes      []string   `json:"scopes"`
			Expiry      *time.Time `json:"expiry,omitempty"`
			Refreshable bool       `json:"refreshable"`
			DPoP        bool       `json:"dpop"`
		}
		out := status{s.Endpoint, s.Resource, s.Issuer, s.ClientID, append([]string{}, s.Scopes...), nil, s.Refreshable, s.DPoP}
		if !s.Expiry.IsZero() {
			out.Expiry = &s.Expiry
		}
		return a.out.value(out)
	}
	text := []string{"logged in to " + a.shown}
	add := func(name, value string) {
		if value != "" {
			text = append(text, "  "+name+oneLine(value, 200))
		}
	}
	add("authorization server: ", s.Issuer)
	add("client:               ", s.ClientID)
	add("scopes:               ", strings.Join(s.Scopes, " "))
	switch {
	case !s.Expiry.IsZero() && s.Refreshable:
		add("token:                ", "until "+s.Expiry.Local().Format(time.RFC1123)+", then renewed")
	case !s.Expiry.IsZero():
		add("token:                ", "until "+s.Expiry.Local().Format(time.RFC1123))
	}
	if s.DPoP {
		add("token:                ", "bound to a key on this machine (DPoP)")
	}
	a.out.text(lines(text...))
	return nil
}
