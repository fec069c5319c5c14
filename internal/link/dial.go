package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Dialer makes WebSocket links.
type Dialer struct {
	NetDial    func(ctx context.Context, network, addr string) (net.Conn, error) // nil for a net.Dialer
	TLS        *tls.Config                                                       // nil for Go's defaults
	MaxMessage int                                                               // limit of a received message, in bytes
	Timeout    time.Duration                                                     // bounds the dial and the handshake; 0 means no limit
}

// RefusedError is a response to the handshake that does not accept the WebSocket.
type RefusedError struct {
	Status int
	Text   string // the beginning of the body, as sent by the peer
}

// Error returns the status.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the WebSocket handshake was answered with status %d", e.Status)
}

const refusalPreview = 512

// All links share the write buffers, because each is in use only while a message is sent.
var writeBuffers sync.Pool

// Dial makes a link to url, which must be ws or wss. It sends no Origin header, because executors
// refuse requests with one. A refusal is a [*RefusedError].
func (d *Dialer) Dial(ctx context.Context, url string, header http.Header) (*WebSocket, error) {
	dial := d.NetDial
	if dial == nil {
		dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	var raw *Conn
	watched := func() bool { return true }
	ws := websocket.Dialer{
		NetDialContext: func(dialing context.Context, network, addr string) (net.Conn, error) {
			nc, err := dial(dialing, network, addr)
			if err != nil {
				return nil, err
			}
			raw = NewConn(nc)
			watched = context.AfterFunc(ctx, func() { _ = nc.Close() }) // gorilla observes only deadlines
			return raw, nil
		},
		TLSClientConfig:  d.TLS,
		HandshakeTimeout: d.Timeout,
		ReadBufferSize:   readBuffer,
		WriteBufferSize:  writeBuffer,
		WriteBufferPool:  &writeBuffers,
	}
	conn, resp, err := ws.DialContext(ctx, url, header)
	if late, ok := ctx.Deadline(); ok && errors.Is(err, os.ErrDeadlineExceeded) && !time.Now().Before(late) {
		<-ctx.Done() // gorilla gives the connection the deadline of ctx, and it was the first to notice
	}
	if inTime := watched(); !inTime || err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx) // the connection is closed
	}
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			text, _ := io.ReadAll(io.LimitReader(resp.Body, refusalPreview))
			return nil, &RefusedError{Status: resp.StatusCode, Text: string(text)}
		}
		return nil, err
	}
	raw.HandshakeDone()
	return NewWebSocket(conn, raw, d.MaxMessage), nil
}
