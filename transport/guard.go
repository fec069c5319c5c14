package transport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
)

// WithDialGuard returns a context for requests that must not connect to addresses that judge
// refuses. [NewDirect] calls judge before each connection attempt, with the address that it would
// connect to. If DirectOptions.DialContext makes the connection, judge is called after the dial,
// and only if the connection's RemoteAddr is an IP address. A guarded request always uses a new
// HTTP/1.1 connection, because an existing one may have been made without the guard. If judge
// returns an error, the request fails with a permanent [*Error] of stage NotSent that wraps that
// error.
//
// The address of a proxy is not checked: only the proxy knows which addresses are behind it. Other
// transports may ignore the guard, so callers must check an address in a URL themselves. judge may
// be called concurrently and must not block.
func WithDialGuard(ctx context.Context, judge func(netip.AddrPort) error) context.Context {
	return context.WithValue(ctx, guardKey{}, judge)
}

type guardKey struct{}

type judge = func(netip.AddrPort) error

// guardOf returns the guard of a request, or nil if it has none.
func guardOf(ctx context.Context) judge {
	g, _ := ctx.Value(guardKey{}).(judge)
	return g
}

// dialing passes the guard of a request to its dial.
type dialing struct {
	judge   judge
	proxied bool // set before the dial begins
}

type dialingKey struct{}

func dialingOf(ctx context.Context) *dialing {
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	return d
}

// guarded returns a context that passes the guard of a request to its dials. If there is no guard,
// it returns ctx.
func guarded(ctx context.Context) context.Context {
	g := guardOf(ctx)
	if g == nil {
		return ctx
	}
	return context.WithValue(ctx, dialingKey{}, &dialing{judge: g})
}

// seesGuard wraps proxy to record, for each guarded request, whether a proxy was chosen.
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

// guardError is an error returned by a guard.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }
func (e *guardError) Unwrap() error { return e.err }

// judgeAddress passes address to the guard of a dial and returns its error. It allows any address
// that is not an IP address.
func judgeAddress(ctx context.Context, address string) error {
	d := dialingOf(ctx)
	if d == nil || d.proxied {
		return nil
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil || addr.Port() == 0 {
		return nil //nolint:nilerr // the connection of a user's DialContext may have no IP address, such as a tunnel
	}
	if err := d.judge(addr); err != nil {
		return &guardError{err}
	}
	return nil
}

// judgeSocket is the hook that a net.Dialer calls before it connects.
func judgeSocket(ctx context.Context, _, address string, _ syscall.RawConn) error {
	return judgeAddress(ctx, address)
}

// judgeConn passes the remote address of a new connection to the guard of its dial.
func judgeConn(ctx context.Context, c net.Conn) error {
	if addr := c.RemoteAddr(); addr != nil {
		return judgeAddress(ctx, addr.String())
	}
	return nil
}
