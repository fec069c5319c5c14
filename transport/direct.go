package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/httprule"
)

// Defaults of [DirectOptions].
const (
	// DefaultDialTimeout bounds one TCP dial and, separately, one TLS handshake.
	DefaultDialTimeout = 10 * time.Second
	// DefaultIdleTimeout is how long an idle connection is kept.
	DefaultIdleTimeout = 90 * time.Second
	// DefaultMaxIdlePerHost is how many idle connections to one host are kept.
	DefaultMaxIdlePerHost = 64
	// DefaultMaxHeaderBytes bounds the header of a response, including informational responses.
	DefaultMaxHeaderBytes = 1 << 20
)

const (
	maxIdleConns      = 4 * DefaultMaxIdlePerHost
	expectContinue    = time.Second      // how long a body waits for "100 Continue" if the request expects it
	pingAfterSilence  = 30 * time.Second // HTTP/2: detects dead connections while nothing is sent
	pingTimeout       = 15 * time.Second
	writeTimeout      = 15 * time.Second // HTTP/2: closes the connection of a peer that does not read
	directCloseLimit  = 5 * time.Second
	keepAliveInterval = 15 * time.Second

	streamBuffer = 1 << 10 // each of the two buffers of an HTTP/1 connection that carries a stream
)

// DirectOptions are the options of [NewDirect]. The zero value suits most programs. NewDirect
// copies the options and never changes the values that their pointers refer to.
type DirectOptions struct {
	// DialContext makes connections, either to the server or to its proxy. It must return when its
	// context ends. Nil means a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// DialTimeout bounds one dial and, separately, one TLS handshake. Zero means
	// [DefaultDialTimeout], negative means no limit except the request's context.
	DialTimeout time.Duration
	// TLSConfig configures TLS. NewDirect clones it. Nil means Go's defaults.
	TLSConfig *tls.Config
	// Proxy returns the proxy of a request, or nil to use none. If Proxy is nil, the environment
	// decides (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), see [http.ProxyFromEnvironment].
	Proxy func(*http.Request) (*url.URL, error)
	// NoProxy disables proxies, whatever Proxy and the environment say.
	NoProxy bool
	// HTTP1Only disables HTTP/2.
	HTTP1Only bool
	// MaxIdlePerHost is how many idle connections to one host are kept. Zero means
	// [DefaultMaxIdlePerHost], negative means none: each connection is used once. A connection
	// that carried a stream of a session is never kept over HTTP/1.
	MaxIdlePerHost int
	// IdleTimeout is how long an idle connection is kept. Zero means [DefaultIdleTimeout], negative
	// means no limit.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the header of a response. Zero or less means [DefaultMaxHeaderBytes].
	MaxHeaderBytes int64
}

// direct implements Transport with net/http in this process.
type direct struct {
	plain     *http.Transport // speaks only HTTP/1.1
	streams   *http.Transport // the same for streams that stay open: small buffers, no idle connections
	guarded   *http.Transport // for requests with a guard, see WithDialGuard
	pools     pools           // for https, unless http1Only
	http1Only bool
	custom    bool // the user's code sees the requests
	dialer    func(ctx context.Context, network, addr string) (net.Conn, error)
	timeout   time.Duration // of a dial; 0 means none
	conns     connSet

	closed    atomic.Bool
	closing   context.Context // ends with Close, and cancels the dials
	endDials  context.CancelFunc
	closeOnce sync.Once
}

// NewDirect returns a Transport that sends requests from this process, over HTTP/1.1 or HTTP/2, on
// its own connections. It keeps the contract of this package. In addition:
//
//   - It has no timeout for response headers, because many servers send them only when the work is
//     done. Bound requests by their contexts.
//   - One RoundTrip runs a request at most once, although net/http by itself repeats requests, even
//     POSTs. The exception is a GET, HEAD, OPTIONS or TRACE without a body, when a reused HTTP/1
//     connection turns out to be dead.
//   - An HTTP/1 body with neither a length nor chunks ends when the server closes the connection. A
//     clean close then cannot be distinguished from a truncated body (RFC 9112 section 8).
//   - Errors contain no query and no userinfo of a URL.
//   - Over HTTP/2 net/http may block forever, because of a peer or a defect of net/http. RoundTrip,
//     Read and Close still return at most 200 ms after their context or the Direct has ended, and
//     other origins are not affected. The blocked server is reached over a new connection. If too
//     many exchanges of one server were abandoned, RoundTrip fails with [ErrTooManyAbandoned].
//   - net/http logs some server behavior to the standard logger of package log, with text from the
//     server: "Unsolicited response received on idle HTTP channel starting with …". This cannot be
//     turned off. To avoid it, redirect or filter that logger with [log.SetOutput].
//
// Close fails everything in flight at once, with an error that wraps [ErrClosed]. opts may be nil.
// The Transport is safe for concurrent use.
func NewDirect(opts *DirectOptions) Transport {
	var o DirectOptions
	if opts != nil {
		o = *opts
	}
	d := &direct{dialer: o.DialContext, timeout: orDefault(o.DialTimeout, DefaultDialTimeout), custom: o.Proxy != nil}
	if d.dialer == nil {
		d.dialer = (&net.Dialer{KeepAlive: keepAliveInterval, ControlContext: judgeSocket}).DialContext
	}
	d.closing, d.endDials = context.WithCancel(context.Background())
	d.http1Only = o.HTTP1Only
	d.pools = pools{
		open:   func(p *pool) sender { return d.newHTTP(&o, p) },
		conns:  &d.conns,
		byHost: make(map[string]*origin),
	}
	d.plain, d.streams = d.newHTTP(&o, nil), d.newHTTP(&o, nil)
	d.streams.ReadBufferSize, d.streams.WriteBufferSize = streamBuffer, streamBuffer
	d.streams.MaxIdleConnsPerHost = -1 // so that the limits of plain hold for both
	alone := o
	alone.MaxIdlePerHost = -1
	d.guarded = d.newHTTP(&alone, nil)
	return d
}

// newHTTP returns the http.Transport of pool p. If p is nil, the http.Transport speaks only
// HTTP/1.1.
func (d *direct) newHTTP(o *DirectOptions, p *pool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(p != nil)
	t := &http.Transport{
		Proxy: seesGuard(o.proxy()),
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return d.dial(ctx, p, network, addr)
		},
		TLSClientConfig:        o.tlsConfig(p),
		TLSHandshakeTimeout:    d.timeout,
		DisableCompression:     true,
		DisableKeepAlives:      o.MaxIdlePerHost < 0,
		MaxIdleConns:           maxIdleConns,
		MaxIdleConnsPerHost:    DefaultMaxIdlePerHost,
		IdleConnTimeout:        orDefault(o.IdleTimeout, DefaultIdleTimeout),
		ExpectContinueTimeout:  expectContinue,
		MaxResponseHeaderBytes: DefaultMaxHeaderBytes,
		ForceAttemptHTTP2:      p != nil,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout:  pingAfterSilence,
			PingTimeout:      pingTimeout,
			WriteByteTimeout: writeTimeout,
		},
	}
	if o.MaxIdlePerHost > 0 {
		t.MaxIdleConnsPerHost = o.MaxIdlePerHost
		t.MaxIdleConns = max(maxIdleConns, o.MaxIdlePerHost)
	}
	if o.MaxHeaderBytes > 0 {
		t.MaxResponseHeaderBytes = o.MaxHeaderBytes
	}
	return t
}

// orDefault returns the value of a duration option for net/http. Zero means def. Negative means no
// limit, which is 0 in net/http.
func orDefault(v, def time.Duration) time.Duration {
	switch {
	case v == 0:
		return def
	case v < 0:
		return 0
	}
	return v
}

func (o *DirectOptions) proxy() func(*http.Request) (*url.URL, error) {
	switch {
	case o.NoProxy:
		return nil
	case o.Proxy != nil:
		return o.Proxy
	}
	return func(req *http.Request) (*url.URL, error) {
		u, err := http.ProxyFromEnvironment(req)
		if err != nil {
			return nil, errBadProxy // the original error quotes the setting with its password
		}
		return u, nil
	}
}

func (o *DirectOptions) tlsConfig(p *pool) *tls.Config {
	cfg := new(tls.Config)
	if o.TLSConfig != nil {
		cfg = o.TLSConfig.Clone()
		markVerification(cfg)
	} else if p == nil {
		return nil
	}
	if p != nil {
		verify := cfg.VerifyConnection
		cfg.VerifyConnection = func(cs tls.ConnectionState) error {
			if verify != nil {
				if err := verify(cs); err != nil {
					return err
				}
			}
			return p.handshake(cs)
		}
	}
	return cfg
}

// RoundTrip implements [http.RoundTripper], see the package comment.
func (d *direct) RoundTrip(req *http.Request) (*http.Response, error) {
	if d.closed.Load() {
		closeBody(req)
		return nil, &Error{Stage: NotSent, Permanent: true, Op: "round trip", Err: ErrClosed}
	}
	e := d.exchangeOf(req)
	via, p, err := d.route(req)
	if err != nil {
		closeBody(req)
		return nil, &Error{Stage: NotSent, Op: "connect", Err: err}
	}
	if p != nil {
		return e.apart(p)
	}
	resp, err := via.RoundTrip(e.outgoing())
	if err != nil {
		return nil, e.fail(err)
	}
	resp.Request = req
	e.accept(resp)
	return resp, nil
}

// route returns what sends req over HTTP/1. If it may use HTTP/2, route returns its pool instead.
func (d *direct) route(req *http.Request) (sender, *pool, error) {
	var via sender = d.plain
	switch {
	case guardOf(req.Context()) != nil:
		return d.guarded, nil, nil
	case d.http1Only || req.URL == nil || req.URL.Scheme != "https":
	default:
		p, err := d.pools.get(req.Context(), req.URL.Host)
		if err != nil {
			return nil, nil, err
		}
		if p.protocol.Load() != http1 {
			return nil, p, nil
		}
		via = p.sender
	}
	if httprule.OpensStream(req.Method, req.Header) {
		via = d.streams
	}
	return via, nil, nil
}

// Close closes every connection, which fails all exchanges in flight, and cancels dials. It waits
// up to 5 s for the dials to end. It always returns nil and may be called more than once.
func (d *direct) Close() error {
	d.closeOnce.Do(func() {
		d.closed.Store(true) // set first, because exchanges in flight must fail with ErrClosed
		d.conns.dials.Close()
		d.endDials()
		d.conns.close()
		d.plain.CloseIdleConnections()
		d.pools.closeIdle()
	})
	limit := time.NewTimer(directCloseLimit)
	defer limit.Stop()
	select {
	case <-d.conns.dials.Close():
	case <-limit.C:
	}
	return nil
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
