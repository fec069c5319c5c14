package transport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
)

// WithDialGuard returns a context whose requests connect to no address that judge refuses.
// [NewDirect] calls judge for each address that a host name resolves to, before it connects. If
// DirectOptions.DialContext makes the connections, it calls judge afterwards, and only if their
// RemoteAddr is an IP address. Such a request uses a new HTTP/1.1 connection, so that it never uses
// one made without the guard. A refusal is a permanent [*Error] of stage NotSent that wraps judge's
// error.
//
// The address of a proxy is not judged: only the proxy knows what is behind it. Other transports
// may ignore the guard, so callers must judge an address in a URL themselves. judge may be called
// concurrently and must not block.
func WithDialGuard(ctx context.Context, judge func(netip.AddrPort) error) context.Context {
	return context.WithValue(ctx, guardKey{}, judge)
}

type guardKey struct{}

type judge = func(netip.AddrPort) error

// guardOf returns the guard of a request, nil if it has none.
func guardOf(ctx context.Context) judge {
	g, _ := ctx.Value(guardKey{}).(judge)
	return g
}

// dialing is what the dial of a guarded request needs to know.
type dialing struct {
	judge   judge
	proxied bool // set before the dial begins
}

type dialingKey struct{}

func dialingOf(ctx context.Context) *dialing {
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	return d
}

// guarded passes the guard of a request's context, if there is one, on to its dials.
func guarded(ctx context.Context) context.Context {
	g := guardOf(ctx)
	if g == nil {
		return ctx
	}
	return context.WithValue(ctx, dialingKey{}, &dialing{judge: g})
}

// seesGuard tells the dials of guarded requests which proxy was chosen.
func seesGuard(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if proxy == nil {
		return nil
	}
	return func(req *http.Request) (*url.URL, error) {
		u, err := proxy(req)
		if d := dialingOf(req.Context()); d != nil {
			d.proxied = u != nil
		}
		return u, err
	}
}

// guardError is an error of a guard.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }
func (e *guardError) Unwrap() error { return e.err }

// judgeAddress asks the guard of a dial about an address. Anything but an IP address passes.
func judgeAddress(ctx context.Context, address string) error {
	d := dialingOf(ctx)
	if d == nil || d.proxied {
		return nil
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil || addr.Port() == 0 {
		return nil //nolint:nilerr // a DialContext of the user's does not tell: a tunnel has no remote address
	}
	if err := d.judge(addr); err != nil {
		return &guardError{err}
	}
	return nil
}

// judgeSocket is called by a net.Dialer before it connects.
func judgeSocket(ctx context.Context, _, address string, _ syscall.RawConn) error {
	return judgeAddress(ctx, address)
}

// judgeConn is called with a new connection.
func judgeConn(ctx context.Context, c net.Conn) error {
	if addr := c.RemoteAddr(); addr != nil {
		return judgeAddress(ctx, addr.String())
	}
	return nil
}
