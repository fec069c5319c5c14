package link

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	readBuffer  = 32 << 10
	writeBuffer = 64 << 10 // larger messages are sent in frames of this size
	controlWait = time.Second
)

// WebSocket is a Link over a WebSocket connection (RFC 6455).
type WebSocket struct {
	conn   *websocket.Conn
	raw    net.Conn // below TLS
	in     inbox
	err    error // the error of Receive, which is final
	closed atomic.Bool

	sending atomic.Bool // a message is being sent
}

// NewWebSocket returns a Link over conn. maxMessage bounds received messages, in bytes. raw is the
// connection below conn and its TLS: closing raw never blocks.
func NewWebSocket(conn *websocket.Conn, raw net.Conn, maxMessage int) *WebSocket {
	conn.SetReadLimit(0) // Receive has its own limit: gorilla's writes to the peer
	w := &WebSocket{conn: conn, raw: raw, in: inbox{max: maxMessage}}
	pong := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		if w.sending.Load() {
			return nil // see Ping
		}
		return pong(data)
	})
	return w
}

// Meter sets what counts the memory for messages that are received. Call it before Receive.
func (w *WebSocket) Meter(m Meter) { w.in.meter = m }

// OnWait makes Receive call f, on its goroutine, whenever it is about to wait for more bytes. It
// reports whether the link can. Call it before Receive.
func (w *WebSocket) OnWait(f func()) bool {
	c, ok := w.raw.(*Conn)
	if ok {
		c.onWait = f
	}
	return ok
}

// Prompt says that the far end never waits for acknowledgments, which are then sent when TCP likes.
// That saves a system call for each message. Call it before Receive.
func (w *WebSocket) Prompt() {
	if c, ok := w.raw.(*Conn); ok {
		c.ackNow = nil
	}
}

// Send sends one text message.
func (w *WebSocket) Send(message []byte) error {
	w.sending.Store(true)
	defer w.sending.Store(false)
	return w.conn.WriteMessage(websocket.TextMessage, message)
}

// SendAll sends text messages. They are written at once if they are small and the connection is a
// [Corkable].
func (w *WebSocket) SendAll(messages ...[]byte) error {
	w.sending.Store(true)
	defer w.sending.Store(false)
	c, ok := w.raw.(*Corkable)
	if !ok || !fit(messages) {
		return w.sendEach(messages)
	}
	c.cork()
	err := w.sendEach(messages)
	return errors.Join(err, c.uncork())
}

func (w *WebSocket) sendEach(messages [][]byte) error {
	for _, m := range messages {
		if err := w.conn.WriteMessage(websocket.TextMessage, m); err != nil {
			return err
		}
	}
	return nil
}

// fit reports whether messages fit into one write buffer.
func fit(messages [][]byte) bool {
	n := 0
	for _, m := range messages {
		n += len(m) + maxFrameHeader
	}
	return n <= writeBuffer/2
}

const maxFrameHeader = 14 // RFC 6455 section 5.2, in bytes

// Receive returns the next message, text or binary. It also answers pings.
func (w *WebSocket) Receive() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	message, err := w.receive()
	switch {
	case err == ErrNoRoom:
		return message, err
	case err != nil && w.closed.Load():
		err = net.ErrClosed
	}
	w.err = err
	return message, err
}

func (w *WebSocket) receive() ([]byte, error) {
	w.in.reset()
	_, r, err := w.conn.NextReader()
	if websocket.IsCloseError(err, farewells...) {
		return nil, io.EOF
	}
	if err != nil {
		return nil, err
	}
	w.in.begun()
	defer w.in.arrived()
	err = w.in.receive(r)
	if err != nil && err != ErrNoRoom {
		return nil, err
	}
	return w.in.buf, err
}

// farewells are the close codes of a normal end between messages. The last code means that the
// connection was closed without a close frame, which is what executors do.
var farewells = []int{
	websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived, websocket.CloseAbnormalClosure,
}

// Close closes the underlying connection without a close frame.
func (w *WebSocket) Close() error {
	w.closed.Store(true)
	return w.raw.Close()
}

// Ping pings the far end, see [WebSocket.Heard]. It does nothing while a message is being sent: a
// ping that cannot be written at once would break the connection between two frames, and the
// progress of sending shows that the link works.
func (w *WebSocket) Ping() error {
	if w.sending.Load() {
		return nil
	}
	return w.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(controlWait))
}

// Heard returns the time when something last arrived from the far end or, while a message is being
// sent, when its last part was written. It returns the zero time if the time is unknown.
func (w *WebSocket) Heard() time.Time {
	c, ok := w.raw.(*Conn)
	if !ok {
		return time.Time{}
	}
	heard := c.heard.Load()
	if w.sending.Load() {
		heard = max(heard, c.moved.Load())
	}
	return time.Unix(0, heard)
}

// Quiet reports whether Receive has returned everything that arrived, and the link has not ended.
// The result is exact on systems where a socket can be inspected without reading. On other systems
// it is always true.
func (w *WebSocket) Quiet() bool {
	c, ok := w.raw.(*Conn)
	return !ok || c.quiet()
}
