package agent

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

// Link carries whole messages between a client and the agent: Send(message []byte) error,
// Receive() ([]byte, error) and Close() error, as in package executor. Serve calls Receive on one
// goroutine, Send on one at a time, and Close at least once.
type Link = link.Link

// Defaults of [Options].
const (
	// DefaultConcurrent is how many exchanges of a link wait for their headers at once.
	DefaultConcurrent = 64
	// DefaultMaxExchanges is how many exchanges a link may have in all.
	DefaultMaxExchanges = 1024
	// DefaultMaxBuffered bounds a response that is not streamed, in bytes (16 MiB).
	DefaultMaxBuffered = 16 << 20
	// DefaultMaxLinks is how many links a Listener serves at once.
	DefaultMaxLinks = 1024
	// DefaultHandshakeTimeout bounds the handshake of a Listener's link.
	DefaultHandshakeTimeout = 10 * time.Second
)

// Options are the options of [Serve], [ServeStdio] and [Listen]. The zero value is
// good for a program on the same machine. They are copied.
type Options struct {
	// Token is what clients of a Listener must present: "Authorization: Bearer TOKEN".
	// Empty means that none is needed, which only a loopback address may have.
	Token string
	// Policy says which servers may be reached. Nil means the policy of
	// NewPolicy(nil, nil): public and loopback addresses.
	Policy *Policy
	// HeaderEnv are the environment variables that a client may have filled into a
	// header, each with the origins ("https://api.example.com") it may be sent to.
	// Their values stay on this side.
	HeaderEnv map[string][]string
	// Concurrent is how many exchanges of one link may wait for their response's
	// headers, or be buffered, at once; more of them wait for their turn, in order. An
	// open stream does not count. Zero means [DefaultConcurrent].
	Concurrent int
	// MaxExchanges is how many exchanges of one link there may be, those that wait and
	// open streams included; more are refused. Zero means [DefaultMaxExchanges].
	MaxExchanges int
	// MaxBuffered bounds a response that the client did not want streamed, in bytes.
	// Zero means [DefaultMaxBuffered].
	MaxBuffered int64
	// MaxLinks is how many links a Listener serves at once; more are answered with
	// status 503. Zero means [DefaultMaxLinks].
	MaxLinks int
	// HandshakeTimeout is how long a client may take from the start of its link to the
	// end of the handshake. Zero means [DefaultHandshakeTimeout] for the links of
	// a Listener and none for others; negative means none.
	HandshakeTimeout time.Duration
	// TLSConfig is for connections to servers; it is cloned. Nil means Go's defaults.
	TLSConfig *tls.Config
	// DialContext makes connections, to addresses of the form "IP:port" that Policy has
	// allowed. Nil means a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolver resolves names. Nil means [net.DefaultResolver].
	Resolver *net.Resolver
	// Proxy names the proxy of a request, see [http.ProxyFromEnvironment]; nil means none.
	// The proxy's own address must be one that Policy allows. What a proxy
	// connects to is out of our sight: Policy judges hosts that are names by their names
	// alone, and takes them for public.
	Proxy func(*http.Request) (*url.URL, error)
	// Logger gets what happens, without queries, header values and tokens. Nil means none.
	Logger *slog.Logger
}

// config is what links share: checked options, and the connections to servers.
type config struct {
	Options

	env    map[string][]origin // HeaderEnv
	direct transport.Transport
}

func newConfig(opts *Options) (*config, error) {
	c := new(config)
	if opts != nil {
		c.Options = *opts
	}
	if c.Policy == nil {
		c.Policy = defaultPolicy
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&c.Concurrent, DefaultConcurrent)
	setDefault(&c.MaxExchanges, DefaultMaxExchanges)
	setDefault(&c.MaxLinks, DefaultMaxLinks)
	if c.MaxBuffered <= 0 {
		c.MaxBuffered = DefaultMaxBuffered
	}
	var err error
	if c.env, err = readHeaderEnv(c.HeaderEnv); err != nil {
		return nil, err
	}
	c.direct = transport.NewDirect(&transport.DirectOptions{
		DialContext: c.dial,
		TLSConfig:   c.TLSConfig,
		Proxy:       c.proxy,
		NoProxy:     c.Proxy == nil,
	})
	return c, nil
}

func setDefault(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

const keepAlive = 15 * time.Second // between TCP keep-alive probes to a server

// dial connects to addr if the policy allows it. A name is judged by each of the
// addresses it stands for, when the connection to that is made: nobody can put
// another one in between.
func (c *config) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if c.DialContext != nil {
		return c.dialWith(ctx, network, host, port)
	}
	d := net.Dialer{KeepAlive: keepAlive, Resolver: c.Resolver, ControlContext: c.Policy.Control(host)}
	return d.DialContext(ctx, network, addr)
}

// dialWith is dial for a DialContext of the user's.
func (c *config) dialWith(ctx context.Context, network, host, port string) (net.Conn, error) {
	resolver := c.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var first error
	for _, a := range addrs {
		target := net.JoinHostPort(a.Unmap().String(), port)
		err := c.Policy.judge(host, target)
		if err == nil {
			var nc net.Conn
			if nc, err = c.DialContext(ctx, network, target); err == nil {
				return nc, nil
			}
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// proxy asks the user's Proxy, and the policy when there is one: the dialer will
// see the address of the proxy only.
func (c *config) proxy(req *http.Request) (*url.URL, error) {
	u, err := c.Proxy(req)
	if err != nil || u == nil {
		return nil, err
	}
	if err := c.Policy.checkProxied(req.URL); err != nil {
		return nil, err
	}
	return u, nil
}

const (
	maxMessage = execproto.MaxMessage // that a client sends, in bytes
	// maxHeld bounds the request bodies of one link's exchanges together, in bytes. One
	// exchange alone may have any that fits into a message.
	maxHeld = 128 << 20
)
