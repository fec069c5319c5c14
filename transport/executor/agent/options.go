package agent

import (
	"cmp"
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

// Link carries whole messages between a client and the agent: Send(message []byte) error, Receive()
// ([]byte, error) and Close() error, as in package executor. Serve calls Receive on one goroutine,
// Send on one goroutine at a time, and Close at least once.
type Link = link.Link

// Defaults of [Options].
const (
	// DefaultConcurrent bounds the exchanges of a link that wait for response headers.
	DefaultConcurrent = 64
	// DefaultMaxExchanges bounds the exchanges of a link.
	DefaultMaxExchanges = 1024
	// DefaultMaxBuffered bounds a response that is not streamed, in bytes.
	DefaultMaxBuffered = 16 << 20
	// DefaultMaxLinks bounds the links of a Listener.
	DefaultMaxLinks = 1024
	// DefaultHandshakeTimeout bounds the handshake of a Listener's link.
	DefaultHandshakeTimeout = 10 * time.Second
	// DefaultMaxMessage bounds a message of a client, in bytes. Codex exec-server has the same
	// limit.
	DefaultMaxMessage = execproto.MaxMessage
	// DefaultMessageTimeout bounds the time in which a message must arrive.
	DefaultMessageTimeout = time.Minute
)

// Options are the options of [Serve], [ServeStdio] and [Listen]. The zero value suits an agent that
// is used only on the same machine. The agent copies the options.
type Options struct {
	// Token must be presented by the clients of a Listener: "Authorization: Bearer TOKEN". Empty
	// means that clients need no token, which is allowed only on loopback.
	Token string
	// Policy says which servers may be reached. Nil means NewPolicy(nil, nil): public and loopback
	// addresses.
	Policy *Policy
	// HeaderEnv lists the environment variables that a client may use in headers, each with the
	// origins ("https://api.example.com") that its value may be sent to. The client never sees the
	// values.
	HeaderEnv map[string][]string
	// HeaderEnvWithoutToken lets a Listener without Token use HeaderEnv. Every program on this
	// machine can then send the values to their origins. Listen fails otherwise. Serve and
	// ServeStdio need no token: their client has the link already.
	HeaderEnvWithoutToken bool
	// Concurrent bounds the exchanges of one link that wait for response headers or are buffered.
	// Further exchanges wait in order of arrival. Open streams do not count. Zero means
	// [DefaultConcurrent].
	Concurrent int
	// MaxExchanges bounds the exchanges of one link, including waiting ones, open streams and those
	// whose last message the client has not received. Further exchanges are refused. Zero means
	// [DefaultMaxExchanges].
	MaxExchanges int
	// MaxBuffered bounds a response that is not streamed, in bytes. Zero means
	// [DefaultMaxBuffered].
	MaxBuffered int64
	// Budget bounds the bytes that the agent holds for its clients, and counts what it does. Nil
	// means a new one with [DefaultBudget], for each call of Serve, ServeStdio or Listen. The links
	// of a Listener share one.
	Budget *Budget
	// MaxMessage bounds a message of a client, in bytes. A longer one ends the link. Zero means
	// [DefaultMaxMessage].
	MaxMessage int
	// MessageTimeout bounds the time from the beginning of a message of a client to its end. A
	// message that takes longer ends the link. Between messages a link may be idle. It applies to
	// WebSockets and pipes; a Link of the user's own returns only whole messages. Zero means
	// [DefaultMessageTimeout]; negative means no limit.
	MessageTimeout time.Duration
	// MaxLinks bounds the links of a Listener. Further clients get status 503. Zero means
	// [DefaultMaxLinks].
	MaxLinks int
	// HandshakeTimeout bounds the time from the start of a link to the end of its handshake. Zero
	// means [DefaultHandshakeTimeout] for a Listener and no limit for other links; negative means
	// no limit.
	HandshakeTimeout time.Duration
	// TLSConfig is used for connections to servers. The agent clones it. Nil means Go's defaults.
	TLSConfig *tls.Config
	// DialContext makes connections to addresses "IP:port" that Policy allows. Nil means a
	// [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// Resolver resolves names. Nil means [net.DefaultResolver].
	Resolver *net.Resolver
	// Proxy returns the proxy of a request, see [http.ProxyFromEnvironment]. Nil means no proxies.
	// Policy must allow the proxy's address. Policy cannot see what a proxy connects to: for such
	// requests it judges a host name only by the name, as if its address were public.
	Proxy func(*http.Request) (*url.URL, error)
	// Logger logs links and exchanges, without queries, header values and tokens. Nil disables
	// logging.
	Logger *slog.Logger
}

// config holds the checked options and the connections to servers. All links of a Listener share
// one config.
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
	c.Policy = cmp.Or(c.Policy, defaultPolicy)
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	setDefault(&c.Concurrent, DefaultConcurrent)
	setDefault(&c.MaxExchanges, DefaultMaxExchanges)
	setDefault(&c.MaxLinks, DefaultMaxLinks)
	setDefault(&c.MaxMessage, DefaultMaxMessage)
	if c.Budget == nil {
		c.Budget = NewBudget(DefaultBudget)
	}
	if c.MessageTimeout == 0 {
		c.MessageTimeout = DefaultMessageTimeout
	}
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

		MaxHeaderBytes: headerRoom,
	})
	return c, nil
}

func setDefault(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}

const keepAlive = 15 * time.Second // between TCP keep-alive probes to a server

// dial connects to addr if the policy allows it. It judges each address of a name when the
// connection is made, so a name cannot resolve to another address after the check.
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

// dialWith is dial with the user's DialContext.
func (c *config) dialWith(ctx context.Context, network, host, port string) (net.Conn, error) {
	resolver := c.Resolver
	resolver = cmp.Or(resolver, net.DefaultResolver)
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

// proxy calls the user's Proxy. If it returns one, the policy judges the URL here, because the
// dialer sees only the address of the proxy.
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
