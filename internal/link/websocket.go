package link

import (
	"errors"
	"fmt"
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
	max    int
	buf    []byte
	closed atomic.Bool
}

// NewWebSocket returns the Link over conn, whose messages may have max bytes.
// raw is the connection below conn and below its TLS: closing that never waits.
func NewWebSocket(conn *websocket.Conn, raw net.Conn, maxMessage int) *WebSocket {
	conn.SetReadLimit(0) // Receive has a limit of its own, which does not write to the peer
	return &WebSocket{conn: conn, raw: raw, max: maxMessage}
}

// Send sends one text message.
func (w *WebSocket) Send(message []byte) error {
	return w.conn.WriteMessage(websocket.TextMessage, message)
}

// Receive returns the next message, text or binary. Pings are answered on the way.
func (w *WebSocket) Receive() ([]byte, error) {
	_, r, err := w.conn.NextReader()
	if err != nil {
		return nil, w.end(err)
	}
	if cap(w.buf) > keepBuffer || w.buf == nil {
		w.buf = make([]byte, 0, readBuffer)
	}
	buf := w.buf[:0]
	for {
		if len(buf) == cap(buf) {
			if len(buf) > w.max {
				return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, w.max)
			}
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, w.end(err)
		}
	}
	w.buf = buf
	if len(buf) > w.max {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, w.max)
	}
	return buf, nil
}

// end reads the error that ended the connection. A peer that says goodbye, and
// one that hangs up between two messages, both end it in order.
func (w *WebSocket) end(err error) error {
	var goodbye *websocket.CloseError
	switch {
	case w.closed.Load():
		return net.ErrClosed
	case errors.As(err, &goodbye) && (goodbye.Code == websocket.CloseNormalClosure ||
		goodbye.Code == websocket.CloseGoingAway || goodbye.Code == websocket.CloseNoStatusReceived):
		return io.EOF
	}
	return err
}

// Close closes the connection below.
func (w *WebSocket) Close() error {
	w.closed.Store(true)
	return w.raw.Close()
}

// Ping asks the far end for a sign of life, see [WebSocket.Heard].
func (w *WebSocket) Ping() error {
	return w.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(controlWait))
}

// Heard returns when something last came from the far end, the zero time if
// that is not known.
func (w *WebSocket) Heard() time.Time {
	if c, ok := w.raw.(*Conn); ok {
		return time.Unix(0, c.heard.Load())
	}
	return time.Time{}
}

// Quiet reports whether nothing came that Receive has not returned: no message
// and no end. It is exact where the system can look at a socket without reading
// from it; elsewhere it is true.
func (w *WebSocket) Quiet() bool {
	c, ok := w.raw.(*Conn)
	return !ok || c.quiet()
}
