package executor

import (
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
	// DefaultMaxLinks is how many links are open at most.
	DefaultMaxLinks = 64
	// DefaultMaxIdleLinks is how many unused links are kept.
	DefaultMaxIdleLinks = 8
	// DefaultIdleTimeout is how long an unused link is kept.
	DefaultIdleTimeout = 60 * time.Second
	// DefaultHandshakeTimeout bounds dialling a link and its handshake.
	DefaultHandshakeTimeout = 10 * time.Second
	// DefaultMaxMessage bounds a message from the executor, in bytes.
	DefaultMaxMessage = 8 << 20
	// DefaultBuffer is how much of one unread body a shared link holds, in bytes.
	DefaultBuffer = 16 << 20
	// DefaultBufferAll is how much of all unread bodies a shared link holds, in bytes.
	DefaultBufferAll = 64 << 20
	// DefaultKeepAlive is how long a link may be silent before the executor is asked for a sign of life.
	DefaultKeepAlive = 30 * time.Second
	// DefaultReconnect is how long an exchange tries to get a link.
	DefaultReconnect = 2 * time.Second
)

const (
	clientName     = "hawser"
	maxDials       = 8         // at once
	windowSize     = 256 << 10 // of an unread body on a link of its own, in bytes
	shareAfter     = time.Second
	maxPending     = 64 // exchanges without a response's head, on a shared link
	maxGivenUp     = 16 // exchanges given up before a shared link is replaced
	drainGrace     = time.Second
	closeLimit     = 5 * time.Second
	reconnectFirst = 50 * time.Millisecond
	reconnectMost  = time.Second
)

// Link carries whole messages to an executor and back, in order, for [Open] and [New]. Send is called
// by one goroutine at a time, Receive by one other, Close by any:
//
//	Send(message []byte) error  sends a message without keeping it; the link is unusable after an error
//	Receive() ([]byte, error)   returns the next message, valid until the next call; io.EOF at the end
//	Close() error               ends the link at once, even a Send or Receive in progress
//
// An error of Send must mean that the far end cannot have the whole message. Close may be called more
// than once.
type Link = link.Link

// Options are the options of [Dial], [Command], [Open] and [New]. The zero
// value is good for most programs. They are copied.
type Options struct {
	// Token is sent as a bearer token when a WebSocket is dialled.
	Token string
	// TokenFunc, if set, is asked for the token at each dial, in place of Token.
	TokenFunc func(context.Context) (string, error)
	// ClientName is what the executor is told of this program. Empty means "hawser".
	ClientName string
	// TLS is for wss URLs. It is cloned. Nil means Go's defaults.
	TLS *tls.Config
	// DialContext makes the connections of [Dial]. It must return when its context
	// ends. Nil means a [net.Dialer].
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)

	// Shared has all exchanges share one link.
	Shared bool
	// MaxLinks is how many links are open at most, also those being dialled; who needs
	// one more waits. Zero means [DefaultMaxLinks]; 1 is the same as Shared.
	MaxLinks int
	// MaxIdleLinks is how many unused links are kept. Zero means
	// [DefaultMaxIdleLinks], negative none: each exchange has a new one.
	MaxIdleLinks int
	// IdleTimeout is how long an unused link is kept. Zero means
	// [DefaultIdleTimeout], negative for ever.
	IdleTimeout time.Duration

	// HandshakeTimeout bounds dialling a link and its handshake. Zero means
	// [DefaultHandshakeTimeout], negative no bound but the context's.
	HandshakeTimeout time.Duration
	// HeaderTimeout is how long to wait for the head of a response. Zero means no
	// bound but the context's: many MCP servers answer when their work is done.
	HeaderTimeout time.Duration
	// KeepAlive is how long a link may be silent before the executor is asked for a
	// sign of life; when it is silent for twice as long the link is lost. It is for WebSockets.
	// Zero means [DefaultKeepAlive], negative never.
	KeepAlive time.Duration
	// Reconnect is how long an exchange that found no link tries for one, under a
	// backoff that all exchanges share. Zero means [DefaultReconnect], negative: one try.
	Reconnect time.Duration

	// MaxMessage bounds one message from the executor, in bytes. Zero means [DefaultMaxMessage].
	MaxMessage int
	// Buffer and BufferAll bound the unread bytes of one body, and of all bodies,
	// on a shared link. Zero means [DefaultBuffer] and [DefaultBufferAll].
	Buffer, BufferAll int

	// HeadersFromEnv are header fields that the executor fills from its own
	// environment, so that a secret never leaves it.
	HeadersFromEnv []HeaderFromEnv
	// Logger gets what happens to links: at the level Warn that an executor broke the
	// protocol, at Debug all else. Nil means no log.
	Logger *slog.Logger
}

// withDefaults returns a copy with every default filled in. A duration of zero
// then means none.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.ClientName == "" {
		c.ClientName = clientName
	}
	if c.TLS != nil {
		c.TLS = c.TLS.Clone()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
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
	if c.MaxIdleLinks == 0 {
		c.MaxIdleLinks = DefaultMaxIdleLinks
	}
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
