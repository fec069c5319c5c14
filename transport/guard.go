package transport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
)

// WithDialGuard returns a context whose requests do not connect to addresses that judge refuses.
// [NewDirect] calls judge for each address that a host name resolves to, before it connects. If
// DirectOptions.DialContext makes the connections, judge is called afterwards, and only if their
// RemoteAddr is an IP address. Such a request uses a new HTTP/1.1 connection, so that it never uses
// one made without the guard. A refusal is a permanent [*Error] of stage NotSent that wraps judge's
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

// guardOf returns the guard of a request, nil if it has none.
func guardOf(ctx context.Context) judge {
	g, _ := ctx.Value(guardKey{}).(judge)
	return g
}

// dialing holds the guard of a request for its dial.
type dialing struct {
	judge   judge
	proxied bool // set before the dial begins
}

type dialingKey struct{}

func dialingOf(ctx context.Context) *dialing {
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	return d
}

// guarded returns a context that passes the guard of a request to its dials. Without a guard it
// returns ctx.
func guarded(ctx context.Context) context.Context {
	g := guardOf(ctx)
	if g == nil {
		return ctx
	}
	return context.WithValue(ctx, dialingKey{}, &dialing{judge: g})
}

// seesGuard wraps proxy, so that the dials of guarded requests know which proxy was chosen.
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

// judgeAddress passes an address to the guard of a dial. It allows anything that is not an IP
// address.
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

// judgeConn checks a new connection.
func judgeConn(ctx context.Context, c net.Conn) error {
	if addr := c.RemoteAddr(); addr != nil {
		return judgeAddress(ctx, addr.String())
	}
	return nil
}
