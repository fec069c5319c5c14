package agent

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// Listener serves clients over WebSockets at the path "/". It answers GET /readyz with status 200.
// It refuses requests with an Origin header, because browsers send them.
type Listener struct {
	printed

	c         *config
	tcp       net.Listener
	http      *http.Server
	token     [sha256.Size]byte // SHA-256 of the token; unused without a token
	handshake time.Duration
	upgrader  websocket.Upgrader
	ctx       context.Context
	end       context.CancelCauseFunc
	owned     goroutines.Group // the acceptor, and the links
	slots     chan struct{}    // an element for each link
}

const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = time.Minute // of an HTTP connection between requests
	maxRequestHeader  = 16 << 10
	closeLimit        = 5 * time.Second
	wsReadBuffer      = 32 << 10
	wsWriteBuffer     = 64 << 10
)

var errListenerClosed = errors.New("listener closed")

// Listen serves WebSocket links at address, "ws://IP:PORT", until Close. Port 0 means any free
// port. Without Options.Token it accepts only loopback addresses, because anyone who reaches the
// port can use this process's network. ctx applies only to the call of Listen. opts may be nil.
func Listen(ctx context.Context, address string, opts *Options) (*Listener, error) {
	ap, err := readListenAddress(address)
	if err != nil {
		return nil, err
	}
	if opts == nil {
		opts = new(Options)
	}
	if opts.Token == "" && !ap.Addr().IsLoopback() {
		return nil, fmt.Errorf("listening at %s requires a token: other machines can reach this address", ap)
	}
	if opts.Token == "" && len(opts.HeaderEnv) > 0 && !opts.HeaderEnvWithoutToken {
		return nil, errors.New("HeaderEnv requires a token, or HeaderEnvWithoutToken: every program on this machine could use the variables")
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	tcp, err := new(net.ListenConfig).Listen(ctx, "tcp", ap.String())
	if err != nil {
		_ = c.direct.Close()
		return nil, err
	}
	l := newListener(c, tcp)
	l.owned.Go(func() { _ = l.http.Serve(corkable{tcp}) })
	return l, nil
}

// corkable is a listener of TCP whose connections can send several messages at once.
type corkable struct{ net.Listener }

// Accept returns the next connection.
func (l corkable) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		return link.NewCorkable(tcp), nil
	}
	return conn, err
}

// readListenAddress reads "ws://IP:PORT".
func readListenAddress(address string) (netip.AddrPort, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return netip.AddrPort{}, fmt.Errorf("invalid listen address %q: expected one like ws://127.0.0.1:0", address)
	case u.Scheme == "wss":
		return netip.AddrPort{}, errors.New("listening with TLS (wss) is not supported: use a TLS proxy in front of the agent")
	case u.Scheme != "ws":
		return netip.AddrPort{}, fmt.Errorf("the scheme of a listen address must be ws, got %q", u.Scheme)
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return netip.AddrPort{}, errors.New("a listen address must not have a path, query or userinfo")
	}
	ap, err := netip.ParseAddrPort(u.Host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("invalid listen address: expected IP:PORT, got %q (host names are not resolved)", u.Host)
	}
	return ap, nil
}

func newListener(c *config, tcp net.Listener) *Listener {
	l := &Listener{
		printed: redact.NewPrinted("agent.Listener(" + tcp.Addr().String() + ")"),
		c:       c, tcp: tcp,
		token:     sha256.Sum256([]byte(c.Token)),
		handshake: DefaultHandshakeTimeout,
		slots:     make(chan struct{}, c.MaxLinks),
		upgrader: websocket.Upgrader{
			ReadBufferSize:  wsReadBuffer,
			WriteBufferSize: wsWriteBuffer,
			WriteBufferPool: new(sync.Pool),
			CheckOrigin:     func(*http.Request) bool { return true }, // handle has refused requests with an Origin already
		},
	}
	if c.HandshakeTimeout != 0 {
		l.handshake = max(c.HandshakeTimeout, 0)
	}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	l.http = &http.Server{
		Handler:           http.HandlerFunc(l.handle),
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxRequestHeader,
		ErrorLog:          slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
	}
	return l
}

// URL returns the address of the Listener with its actual port: "ws://127.0.0.1:36229".
func (l *Listener) URL() string { return "ws://" + l.tcp.Addr().String() }

// Addr returns the address of the Listener as a [net.Addr].
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Close ends every link and its exchanges. It waits until they have ended, but at most 5 s, and
// always returns nil. It may be called more than once.
func (l *Listener) Close() error {
	l.owned.Close()
	l.end(errListenerClosed)
	_ = l.http.Close()
	limit, stop := context.WithTimeout(context.Background(), closeLimit)
	defer stop()
	_ = l.owned.Wait(limit) // any goroutines left belong to net/http
	return l.c.direct.Close()
}

// handle answers an HTTP request, or upgrades it to a link.
func (l *Listener) handle(w http.ResponseWriter, r *http.Request) {
	switch {
	case len(r.Header["Origin"]) > 0: // from a browser
		w.WriteHeader(http.StatusForbidden)
	case r.URL.Path == "/readyz":
		w.WriteHeader(http.StatusOK)
	case r.URL.Path != "/":
		http.Error(w, "not found", http.StatusNotFound)
	case !websocket.IsWebSocketUpgrade(r):
		http.Error(w, "this is a WebSocket endpoint", http.StatusBadRequest)
	default:
		if refusal := l.unauthorized(r); refusal != "" {
			http.Error(w, refusal, http.StatusUnauthorized)
			return
		}
		l.serveLink(w, r)
	}
}

// unauthorized returns why the token of a request is refused, or "" if it is accepted.
func (l *Listener) unauthorized(r *http.Request) string {
	if l.c.Token == "" {
		return ""
	}
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "missing websocket bearer token"
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	token = strings.TrimSpace(token)
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "invalid authorization header"
	}
	// All hashes have the same length, so the timing of the comparison reveals nothing about the
	// token.
	if hash := sha256.Sum256([]byte(token)); subtle.ConstantTimeCompare(hash[:], l.token[:]) != 1 {
		return "invalid websocket bearer token"
	}
	return ""
}

// serveLink serves a WebSocket until it ends.
func (l *Listener) serveLink(w http.ResponseWriter, r *http.Request) {
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		http.Error(w, "too many links", http.StatusServiceUnavailable)
		return
	}
	if !l.owned.Begin() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer l.owned.End()
	a, err := l.c.Budget.open()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	conn, err := l.upgrader.Upgrade(w, r, nil)
	if err != nil {
		a.close(0)
		return // Upgrade has answered
	}
	l.c.Logger.Debug("link started", "client", r.RemoteAddr)
	err = l.c.serve(l.ctx, link.NewWebSocket(conn, conn.NetConn(), l.c.MaxMessage), a, l.handshake)
	l.c.Logger.Debug("link ended", "client", r.RemoteAddr, "error", err)
}
