package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// patience is how long hawser waits for the server before it tells the user.
const patience = 3 * time.Second

// connect connects to the server at endpoint.
func (a *app) connect(ctx context.Context, endpoint string, handlers mcpclient.Handlers) (*mcpclient.Session, error) {
	if err := a.readURL(endpoint); err != nil {
		return nil, err
	}
	if _, err := a.readHeaders(); err != nil {
		return nil, err
	}
	auth, err := a.authorization(ctx, endpoint, nil)
	if err != nil {
		return nil, err
	}
	s, _, err := a.reach(ctx, endpoint, handlers, auth, nil)
	return s, err
}

// reach connects to endpoint with the authorization client auth, which may be nil. If the URL has
// no path and no MCP endpoint answers there, reach tries /mcp, the path that most servers use. It
// then creates a second authorization client, with login. It returns the client that it used last.
func (a *app) reach(
	ctx context.Context, endpoint string, handlers mcpclient.Handlers, auth *oauth.Client, login oauth.Login,
) (*mcpclient.Session, *oauth.Client, error) {
	s, err := a.connectWith(ctx, endpoint, handlers, auth)
	other := withMCP(endpoint)
	if err == nil || other == "" || !isNoEndpoint(err) {
		return s, auth, err
	}
	before := a.endpoint
	if err := a.readURL(other); err != nil {
		return nil, auth, err
	}
	second, authErr := a.authorization(ctx, other, login)
	if authErr != nil {
		return nil, auth, authErr
	}
	s, otherErr := a.connectWith(ctx, other, handlers, second)
	if kind := mcpclient.KindOf(otherErr); otherErr != nil && kind != mcpclient.KindAuthRequired && kind != mcpclient.KindForbidden {
		a.endpoint, a.shown = before, oneLine(shellURL(before), 200)
		return nil, auth, err
	}
	if a.running { // not during shell completion
		a.con.line("there is no MCP endpoint at " + oneLine(before, 200) + "; using " + a.shown)
	}
	return s, second, otherErr
}

// withMCP adds the path /mcp to a URL without a path. It returns "" if the URL has a path.
func withMCP(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return ""
	}
	u.Path = "/mcp"
	return u.String()
}

// connectWith connects to endpoint and tries no other URL.
func (a *app) connectWith(ctx context.Context, endpoint string, handlers mcpclient.Handlers, auth *oauth.Client) (*mcpclient.Session, error) {
	header, err := a.readHeaders()
	if err != nil {
		return nil, err
	}
	network, err := a.openTransport(ctx)
	if err != nil {
		return nil, err
	}
	known := openEras(a.env.cache, endpoint, a.env.now)
	opts := mcpclient.Options{
		Transport: network, Header: header, Handlers: handlers, Logger: a.log, Observer: a.waits.observe, ProtocolVersion: a.flags.protocol,
		ClientInfo: mcp.Implementation{Name: "hawser-cli", Title: "Hawser command line", Version: mcpclient.Version},
		Timeouts:   mcpclient.Timeouts{Close: 2 * time.Second},
		EraCache:   &known.EraCache,
		NoCookies:  a.flags.noCookies,
	}
	if auth != nil {
		opts.Auth = auth
	}
	connecting := ctx
	if a.entry != nil {
		opts.Timeouts.Total = a.entry.CallTimeout
		if limit := a.entry.ConnectTimeout; limit > 0 {
			var cancel context.CancelFunc
			connecting, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("not connected after %v, the limit in the configuration", limit))
			defer cancel()
		}
	}
	defer a.waits.begin(a.host)()
	s, err := mcpclient.Connect(connecting, endpoint, &opts)
	if err != nil {
		return nil, err
	}
	a.session = s
	a.waits.forget()
	a.network.begun()
	if err := known.save(); err != nil {
		a.log.Debug("the era of the server was not stored", "error", err)
	}
	if a.flags.logLevel != "" {
		if err := s.SetLogLevel(ctx, mcp.LoggingLevel(a.flags.logLevel)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// hangUp closes the session and the other open resources of the run.
func (a *app) hangUp() {
	if a.session != nil {
		if err := a.session.Close(); err != nil {
			a.log.Debug("the session was not closed cleanly", "error", err)
		}
	}
	for _, c := range slices.Backward(a.closers) {
		_ = c.Close() // nothing can be done about an error here
	}
}

const urlHint = "a URL looks like https://mcp.example.com/mcp"

// schemeSlip matches http or https at the start of a URL, with a mistyped separator.
var schemeSlip = regexp.MustCompile(`^(?i:https?)(:/?/?|//?)`)

// readURL checks the URL for common mistakes.
func (a *app) readURL(endpoint string) error {
	if strings.Contains(endpoint, "://") {
		if u, err := url.Parse(endpoint); err == nil {
			return a.checkURL(u)
		}
		return nil // package mcpclient returns an error without secrets
	}
	hint := urlHint
	if slip := schemeSlip.FindString(endpoint); slip != "" && !strings.ContainsAny(endpoint, "@? ") {
		hint = "did you mean " + strings.ToLower(strings.TrimRight(slip, ":/")) + "://" + oneLine(endpoint[len(slip):], 200) + " ?"
	} else if host, _, _ := strings.Cut(endpoint, "/"); !strings.ContainsAny(endpoint, "@? ") && endpoint != "" && !strings.HasSuffix(host, ":") {
		scheme := "https://"
		if strings.Contains(host, ":") || host == "localhost" {
			scheme = "http://"
		}
		hint = "did you mean " + scheme + oneLine(strings.TrimLeft(endpoint, "/"), 200) + " ?"
	}
	return usageError(hint, "the URL must begin with http:// or https://")
}

// checkURL refuses a user name, a password or an invalid port in the URL. It also sets a.host,
// a.endpoint and a.shown.
func (a *app) checkURL(u *url.URL) error {
	if u.User != nil {
		return usageError("send a password in a header: --header 'Authorization: Basic env:CREDENTIALS'",
			"the URL must not contain a user name or password")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return usageError("a port is a number from 1 to 65535", "invalid port %s in the URL", oneLine(port, 20))
		}
	}
	a.host = oneLine(u.Host, 100)
	a.endpoint = plainURL(u)
	a.shown = oneLine(shellURL(a.endpoint), 200)
	return nil
}

// handlers returns the handlers for commands during which the server may send requests.
func (a *app) handlers() (mcpclient.Handlers, error) {
	h := mcpclient.Handlers{
		Log:        a.serverLog,
		ElicitForm: a.elicitForm, ElicitURL: a.elicitURL, Sample: a.sample,
		ElicitationComplete: func(context.Context, *mcpclient.Session, string) { a.con.line("the page that you visited is complete") },
	}
	roots := make([]mcp.Root, len(a.flags.roots))
	for i, dir := range a.flags.roots {
		root, err := mcpclient.FileRoot(dir)
		if err != nil {
			return h, usageError("--root takes a directory or file on this machine", "%v", err)
		}
		roots[i] = root
	}
	h.Roots = func(context.Context, *mcpclient.Session) ([]mcp.Root, error) {
		a.log.Info("the server requested the roots", "count", len(roots))
		return roots, nil
	}
	return h, nil
}

// listHandlers returns handlers that decline all requests, for commands that only list. A server
// may offer more tools to a client that has handlers. With these handlers, a list shows the same
// tools as a call would find.
func listHandlers() mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.DeclineElicitation(), nil
		},
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.DeclineElicitation(), nil
		},
		Sample: func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
			return nil, mcpclient.ErrRejected
		},
		Roots: func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return []mcp.Root{}, nil },
	}
}

// serverLog prints a log message from the server.
func (a *app) serverLog(_ context.Context, _ *mcpclient.Session, m mcpclient.LogMessage) {
	text := "[" + oneLine(string(m.Level), 20) + "] "
	if m.Logger != "" {
		text += oneLine(m.Logger, 60) + ": "
	}
	a.con.line(text + oneLine(logText(m.Data), 2000))
}

func logText(data json.RawMessage) string {
	var text string
	if json.Unmarshal(data, &text) == nil {
		return text
	}
	return string(safeJSON(data))
}
