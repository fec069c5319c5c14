// Package loopback sends the user to an authorization server with a browser, and receives the
// browser's return on this machine (RFC 8252 sections 7.3 and 8.3).
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

// Login is an [oauth.Login] with a browser. The zero value is ready. It must not be changed while
// in use, and may serve several clients at once.
//
// During a login it listens on a loopback address, opens and prints the URL of the authorization
// server's page, and waits for the browser to come back. Requests that do not belong to the login
// have no effect. When Login returns, the port is free again.
type Login struct {
	// Port is the port to listen on. Zero means the port of the last login if it is free, else one
	// that the system chooses.
	Port int
	// Host is the host of the redirect URI: a loopback address, or "localhost", which means both
	// 127.0.0.1 and ::1. Empty means 127.0.0.1.
	Host string
	// Path is the path of the redirect URI. Empty means /callback.
	Path string
	// Open shows a page to the user. It returns when that is done or has failed, or when ctx ends.
	// Login prints its error; the user can still use the printed URL. Nil means the system's
	// browser. The URL is http or https, in ASCII without spaces and control characters.
	Open func(ctx context.Context, url string) error
	// Out receives the messages for the user. Nil means [os.Stderr]; [io.Discard] prints nothing.
	Out io.Writer
	// Paste returns a line that the user enters: the address of the last page that a browser on
	// another machine has tried to open. It is called until it fails or a login is complete, and
	// must return when ctx ends. Nil means that nothing can be entered. See [Lines].
	Paste func(ctx context.Context) (string, error)
	// Timeout bounds one login. Zero means that only the caller bounds it; an oauth.Client uses
	// Config.LoginTimeout.
	Timeout time.Duration
}

var _ oauth.Login = (*Login)(nil)

// Format prints where the login listens, whatever the verb. It does not print Out.
func (l Login) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("loopback.Login", l, "Host", "Path"))
}

// MarshalJSON returns what Format prints.
func (l Login) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("loopback.Login", l, "Host", "Path"))
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

// receive performs the login on open listeners, and closes them.
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

// converse sends the user to the authorization server and waits for the browser. It fails if the
// browser does not come back.
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

// guide tells the user where to go, opens the page, and reads what the user enters.
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

// console prints for several goroutines.
type console struct {
	mu  sync.Mutex
	out io.Writer // guarded by mu
}

func (c *console) sayf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.out, format, args...)
}
