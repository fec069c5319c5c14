package transport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
)

// WithDialGuard returns a context whose requests go to no address that judge
// refuses. [NewDirect] asks it for each address that a host name stands for, before
// it connects; after the fact where DirectOptions.DialContext makes connections, and only if their
// RemoteAddr is an IP address. Such a request has a connection of its own, over HTTP/1.1, so that
// none that somebody else made without the guard carries it. Its refusal is a permanent [*Error] of
// stage NotSent that wraps judge's.
//
// Not judged is the address of a proxy: what is behind it, only the proxy knows. Other transports may
// not know the guard: an address that stands in a URL is for the caller to judge. judge may be called
// concurrently, and must not block.
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

// dialing is what the dial of a guarded request knows of it.
type dialing struct {
	judge   judge
	proxied bool // set before the dial begins
}

type dialingKey struct{}

func dialingOf(ctx context.Context) *dialing {
	d, _ := ctx.Value(dialingKey{}).(*dialing)
	return d
}

// guarded tells the dials of a request's context of its guard, if it has one.
func guarded(ctx context.Context) context.Context {
	g := guardOf(ctx)
	if g == nil {
		return ctx
	}
	return context.WithValue(ctx, dialingKey{}, &dialing{judge: g})
}

// seesGuard makes a choice of proxies known to the dials of guarded requests.
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

// guardError is the refusal of a guard.
type guardError struct{ err error }

func (e *guardError) Error() string { return e.err.Error() }
func (e *guardError) Unwrap() error { return e.err }

// judgeAddress asks the guard of a dial about an address. One that is no IP address cannot be judged.
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

// judgeSocket is asked by a net.Dialer before it connects.
func judgeSocket(ctx context.Context, _, address string, _ syscall.RawConn) error {
	return judgeAddress(ctx, address)
}

// judgeConn is asked when a connection is there.
func judgeConn(ctx context.Context, c net.Conn) error {
	if addr := c.RemoteAddr(); addr != nil {
		return judgeAddress(ctx, addr.String())
	}
	return nil
}
