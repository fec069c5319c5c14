package executor

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/internal/link"
)

// Defaults of [Options].
const (
	// DefaultMaxLinks bounds the number of open links.
	DefaultMaxLinks = 64
	// DefaultMaxIdleLinks bounds the number of unused links that are kept, if MaxLinks is not set.
	DefaultMaxIdleLinks = DefaultMaxLinks
	// DefaultIdleTimeout is how long an unused link is kept.
	DefaultIdleTimeout = 60 * time.Second
	// DefaultHandshakeTimeout bounds the dial of a link together with its handshake.
	DefaultHandshakeTimeout = 10 * time.Second
	// DefaultMaxMessage bounds a message from the executor, in bytes.
	DefaultMaxMessage = 8 << 20
	// DefaultBuffer bounds one unread body on a shared link, in bytes.
	DefaultBuffer = 16 << 20
	// DefaultBufferAll bounds all unread bodies on a shared link, in bytes.
	DefaultBufferAll = 64 << 20
	// DefaultKeepAlive is how long a link may be silent before it is pinged.
	DefaultKeepAlive = 30 * time.Second
	// DefaultReconnect is how long an exchange keeps trying to get a link.
	DefaultReconnect = 2 * time.Second
)

const (
	clientName     = "hawser"
	windowSize     = 256 << 10 // of an unread body on its own link, in bytes
	shareAfter     = time.Second
	maxPending     = 64 // exchanges on a shared link that wait for their heads
	maxGivenUp     = 16 // a shared link with this many given-up exchanges is replaced
	drainGrace     = time.Second
	closeLimit     = 5 * time.Second
	reconnectFirst = 50 * time.Millisecond
	reconnectMost  = time.Second
)

// How the pool grows, see growth.
const (
	firstPrice  = 50 * time.Millisecond // of a link, before one was measured
	leastPrice  = time.Millisecond      // bounds of the measured price
	freePrice   = 50 * time.Microsecond // a link that takes less is made without a wait: it is in this process
	mostPrice   = 250 * time.Millisecond
	patience    = 5 * time.Millisecond  // the longest wait for a free link while no link comes free
	burst       = 10 * time.Millisecond // makings of so much price together may run at once
	hanging     = time.Second           // a making that takes longer delays no other one
	warmLimit   = time.Second           // a link is used after this time even if its warm-up has no answer
	streamShare = 4                     // shared streams have one of so many links for themselves
)

// Link carries whole messages to an executor and back, in order. [Open] and [New] use links. Send
// is called by one goroutine at a time, Receive by another one at a time, and Close by any:
//
//	Send(message []byte) error  sends a message without keeping it; the link is unusable after an error
//	Receive() ([]byte, error)   returns the next message, valid until the next call; io.EOF at the end
//	Close() error               ends the link at once, even a Send or Receive in progress
//
// If Send returns an error, the far end must not have received the whole message. Close may be
// called more than once.
type Link = link.Link

// Options are the options of [Dial], [Command], [Open] and [New]. The zero value suits most
// programs. The functions copy the options.
type Options struct {
	// Token is sent as a bearer token with each WebSocket handshake.
	Token string
	// TokenFunc returns the token for each dial. If TokenFunc is set, Token is ignored. Its context
	// has the values of an exchange's context, and may outlive that exchange.
	TokenFunc func(context.Context) (string, error)
	// ClientName is the client's name in the handshake. Empty means "hawser".
	ClientName string
	// TLS configures TLS for wss URLs. It is cloned. Nil means Go's defaults.
	TLS *tls.Config
	// DialContext makes the connections of [Dial]. It must return when its context ends. The context
	// is like that of TokenFunc. Nil means a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Shared makes all exchanges share one link.
	Shared bool
	// MaxLinks bounds the open links, including those being dialed. When the limit is reached,
	// exchanges wait for a link. Zero means [DefaultMaxLinks]; 1 is the same as Shared.
	MaxLinks int
	// MaxIdleLinks bounds the unused links that are kept. Zero means MaxLinks. Negative means that
	// unused links are closed, so each exchange that does not wait opens a new one.
	MaxIdleLinks int
	// IdleTimeout is how long an unused link is kept. Zero means [DefaultIdleTimeout], negative
	// means no limit.
	IdleTimeout time.Duration
	// NoWarmUp leaves out the request that warms a new link, see the package documentation. If the
	// executor needs it, the first exchange on each link is slower. At most 20 links to such an
	// executor are then opened in a second.
	NoWarmUp bool

	// HandshakeTimeout bounds the dial of a link together with its handshake. Zero means
	// [DefaultHandshakeTimeout]. Negative means that only the contexts of the exchanges that wait
	// for a link bound them, and DefaultHandshakeTimeout while none waits.
	HandshakeTimeout time.Duration
	// HeaderTimeout bounds the wait for the head of a response. Zero means that only the context
	// bounds it, because many MCP servers answer only when their work is done.
	HeaderTimeout time.Duration
	// KeepAlive is how long a WebSocket may be silent before it is pinged. After twice that time
	// without an answer, the link is lost. Zero means [DefaultKeepAlive], negative disables pings.
	KeepAlive time.Duration
	// Reconnect is how long an exchange without a link keeps trying to get one. All exchanges share
	// the backoff between dials. Zero means [DefaultReconnect], negative means a single try.
	Reconnect time.Duration

	// MaxMessage bounds one message from the executor, in bytes. Zero means [DefaultMaxMessage].
	MaxMessage int
	// Buffer bounds the unread bytes of one body on a shared link. BufferAll bounds the unread
	// bytes of all bodies on it. Zero means [DefaultBuffer] and [DefaultBufferAll].
	Buffer, BufferAll int

	// HeadersFromEnv are header fields whose values the executor takes from its own environment.
	// The client never holds these secrets.
	HeadersFromEnv []HeaderFromEnv
	// Observer is called for events of links. Nil means none, and costs nothing.
	Observer Observer
	// Logger logs events of links: protocol violations at level Warn, everything else at level
	// Debug. Nil disables logging.
	Logger *slog.Logger
}

// withDefaults returns a copy of o in which defaults replace zero values. In the copy, a duration
// of zero means no limit.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	c.ClientName = cmp.Or(c.ClientName, clientName)
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.HeadersFromEnv = slices.Clone(c.HeadersFromEnv)
	c.Shared = c.Shared || c.MaxLinks == 1
	for _, v := range []struct {
		field *int
		def   int
	}{
		{&c.MaxLinks, DefaultMaxLinks}, {&c.MaxMessage, DefaultMaxMessage},
		{&c.Buffer, DefaultBuffer}, {&c.BufferAll, DefaultBufferAll},
	} {
		if *v.field <= 0 {
			*v.field = v.def
		}
	}
	c.MaxIdleLinks = cmp.Or(c.MaxIdleLinks, c.MaxLinks)
	for _, v := range []struct {
		field *time.Duration
		def   time.Duration
	}{
		{&c.IdleTimeout, DefaultIdleTimeout}, {&c.HandshakeTimeout, DefaultHandshakeTimeout},
		{&c.KeepAlive, DefaultKeepAlive}, {&c.Reconnect, DefaultReconnect}, {&c.HeaderTimeout, 0},
	} {
		switch {
		case *v.field == 0:
			*v.field = v.def
		case *v.field < 0:
			*v.field = 0
		}
	}
	return c
}
