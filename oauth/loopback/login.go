// Package loopback opens an authorization server's page in the user's browser, and receives the
// callback on a loopback address of this machine (RFC 8252 sections 7.3 and 8.3).
//
//	auth, err := oauth.NewClient(url, &oauth.Config{Login: &loopback.Login{}})
package loopback

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/oauth"
)

// Login is an [oauth.Login] that uses a browser. The zero value is ready to use. Several clients
// may use a Login concurrently. Do not change a Login while it is in use.
//
// During a login, it listens on a loopback address, prints and opens the URL of the authorization
// server's page, and waits for the browser to come back. Requests that do not belong to the login
// have no effect. When Login returns, the port is free again.
type Login struct {
	// Port is the port to listen on. Zero means the port of the last login if that port is free, or
	// else a port that the system chooses.
	Port int
	// Host is the host of the redirect URI: a loopback address, or "localhost", which means both
	// 127.0.0.1 and ::1. Empty means 127.0.0.1.
	Host string
	// Path is the path of the redirect URI. Empty means the path that the client proposes: that of
	// the last registration, or one that is distinct for the authorization server (RFC 9700 section
	// 4.4). Without a proposal, because the client is not registered dynamically, it is /callback.
	Path string
	// Callback is the redirect URI, exactly as it is registered with the authorization server, such
	// as http://localhost:8976/callback: http, a loopback host as in Host, no query. Without a port,
	// any free port is added (RFC 8252 section 7.3). Callback excludes Port, Host and Path.
	Callback string
	// Open shows the page at url to the user. It must return when ctx ends. If Open returns an
	// error, Login prints it, and the user can still visit the printed URL. Nil means the system's
	// browser. The URL is http or https, in ASCII without spaces and control characters.
	Open func(ctx context.Context, url string) error
	// Out receives the messages for the user. Nil means [os.Stderr]; use [io.Discard] to print
	// nothing.
	Out io.Writer
	// Paste returns a line that the user enters. It lets users log in with a browser on another
	// machine: they copy the address of the last page, which that browser cannot open. Paste is
	// called until it fails or the login is complete. It must return when ctx ends. If Paste is
	// nil, the user cannot enter an address. See [Lines].
	Paste func(ctx context.Context) (string, error)
	// Timeout bounds one login. Zero means that only the caller's context bounds it. An
	// oauth.Client bounds that context by Config.LoginTimeout.
	Timeout time.Duration
}

var _ oauth.Login = (*Login)(nil)

// Format prints the configuration without Out, for every verb.
func (l Login) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("loopback.Login", l, "Host", "Path", "Callback"))
}

// MarshalJSON returns what Format prints.
func (l Login) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("loopback.Login", l, "Host", "Path", "Callback"))
}

// linger is how long the login waits for the browser to load the last page.
const linger = 3 * time.Second

// Login implements [oauth.Login].
func (l *Login) Login(ctx context.Context, flow oauth.Flow) error {
	listeners, redirect, err := l.listen(flow.RedirectURI())
	if err != nil {
		return fmt.Errorf("oauth/loopback: %w", err)
	}
	return l.receive(ctx, flow, listeners, redirect)
}

// receive performs the login with the given listeners, and closes them.
func (l *Login) receive(ctx context.Context, flow oauth.Flow, listeners []net.Listener, redirect *url.URL) error {
	if l.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, l.Timeout, fmt.Errorf("no answer within %v: %w", l.Timeout, context.DeadlineExceeded))
		defer stop()
	}
	v := newVisit(flow, redirect)
	running, stop := context.WithCancel(ctx)
	v.running = running
	v.serve(listeners)
	err := l.converse(ctx, v)
	stop()
	v.end(listeners)
	select {
	case <-v.over: // the login may have ended at the same time
		return v.err
	default:
		return err
	}
}

// converse sends the user to the authorization server and waits until the login is over. It returns
// an error if ctx ends first. After a callback from a browser, it also waits until the browser has
// loaded the last page, for at most linger.
func (l *Login) converse(ctx context.Context, v *visit) error {
	page, err := v.flow.AuthorizationURL(ctx, v.redirect.String())
	if err != nil {
		return err
	}
	if page, err = checkPage(page); err != nil {
		return fmt.Errorf("oauth/loopback: %w", err)
	}
	l.guide(v, page)
	select {
	case <-v.over:
	case <-ctx.Done():
		return fmt.Errorf("oauth/loopback: login timed out waiting for the browser: %w", context.Cause(ctx))
	}
	if !v.isVisited {
		return nil
	}
	patience := time.NewTimer(linger)
	defer patience.Stop()
	select {
	case <-v.shown:
	case <-patience.C:
	case <-ctx.Done():
	}
	return nil
}

// guide prints instructions for the user and, in the background, opens the page and reads the
// addresses that the user enters.
func (l *Login) guide(v *visit, page string) {
	tell := &console{out: cmp.Or[io.Writer](l.Out, os.Stderr)}
	tell.sayf("To authorize %s, continue in the browser. If no browser opens, visit\n\n  %s\n\n", v.resource, page)
	if l.Paste != nil {
		tell.sayf("If the browser is on another machine, its last page cannot be shown. Copy the address of that page and enter it here.\n")
		v.owned.Go(func() { v.paste(l.Paste, tell) })
	}
	open := l.Open
	if open == nil {
		open = openBrowser
	}
	v.owned.Go(func() {
		if err := open(v.running, page); err != nil && v.running.Err() == nil {
			tell.sayf("Could not open a browser: %v.\n", err)
		}
	})
}

// console prints messages to the user. It is safe for concurrent use.
type console struct {
	mu  sync.Mutex
	out io.Writer // guarded by mu
}

func (c *console) sayf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format, args...)
}
