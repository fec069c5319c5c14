// Package h2test is an HTTP/2 peer for tests that writes its frames by hand (RFC 9113). It can do
// what net/http's server never does.
package h2test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Frame types of RFC 9113 section 6.
const (
	Data         = 0x0
	Headers      = 0x1
	RSTStream    = 0x3
	Settings     = 0x4
	GoAway       = 0x7
	WindowUpdate = 0x8
)

// Flags of frames. EndStream (for DATA and HEADERS) and Ack (for SETTINGS) have the same value.
const (
	Ack        = 0x1
	EndStream  = 0x1
	EndHeaders = 0x4
)

// Error codes of RFC 9113 section 7.
const (
	ProtocolError = 0x1
	RefusedStream = 0x7
)

// MaxWindow is the largest flow-control window, and the largest window increment.
const MaxWindow = 1<<31 - 1

const (
	prefaceLen        = 24
	headerLen         = 9
	initialWindowSize = 0x4 // a SETTINGS parameter
	status200         = 0x88
)

// Listen serves loopback connections that have negotiated h2 over TLS, and returns the URL. It runs
// serve for each connection in a new goroutine. The certificate is that of package httptest. At the
// end of the test, Listen closes the connections and waits until serve has returned.
func Listen(t testing.TB, serve func(*Conn)) (url string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	Serve(t, ln, serve)
	return "https://" + ln.Addr().String()
}

// Serve is like [Listen], but uses the caller's listener. It closes the listener at the end of the
// test.
func Serve(t testing.TB, ln net.Listener, serve func(*Conn)) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn // guarded by mu
	cfg := ServerConfig()
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			all.Go(func() {
				defer c.Close()
				begin(&Conn{Conn: tls.Server(c, cfg)}, serve)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
}

// ServerConfig returns a TLS configuration that only negotiates h2.
func ServerConfig() *tls.Config {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	return &tls.Config{Certificates: srv.TLS.Certificates, NextProtos: []string{"h2"}}
}

func begin(c *Conn, serve func(*Conn)) {
	if _, err := io.CopyN(io.Discard, c, prefaceLen); err != nil {
		return
	}
	serve(c)
}

// Conn is a connection whose client has sent its preface. The server must send SETTINGS first.
type Conn struct {
	net.Conn
	mu sync.Mutex // held while a frame is written
}

// Frame sends one frame. It is safe for concurrent use. After a failed write, the next [Conn.Next]
// returns an error.
func (c *Conn) Frame(kind, flags byte, stream uint32, payload ...byte) {
	buf := make([]byte, headerLen, headerLen+len(payload))
	binary.BigEndian.PutUint32(buf, uint32(len(payload))<<8|uint32(kind))
	buf[4] = flags
	binary.BigEndian.PutUint32(buf[5:], stream)
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = c.Write(append(buf, payload...))
}

// Settings sends empty SETTINGS, which leaves every parameter at its initial value.
func (c *Conn) Settings() { c.Frame(Settings, 0, 0) }

// OpenWindows sends SETTINGS and a WINDOW_UPDATE that let the client send nearly 2 GiB.
func (c *Conn) OpenWindows() {
	setting := binary.BigEndian.AppendUint32([]byte{0, initialWindowSize}, MaxWindow)
	c.Frame(Settings, 0, 0, setting...)
	c.Window(0, MaxWindow-1<<16)
}

// Window sends a WINDOW_UPDATE.
func (c *Conn) Window(stream, increment uint32) {
	c.Frame(WindowUpdate, 0, stream, binary.BigEndian.AppendUint32(nil, increment)...)
}

// Reset sends RST_STREAM.
func (c *Conn) Reset(stream, code uint32) {
	c.Frame(RSTStream, 0, stream, binary.BigEndian.AppendUint32(nil, code)...)
}

// GoAway sends GOAWAY: the server processes no stream after last.
func (c *Conn) GoAway(last uint32) {
	c.Frame(GoAway, 0, 0, binary.BigEndian.AppendUint64(nil, uint64(last)<<32)...)
}

// Head sends a response head with status 200. flags may contain [EndStream].
func (c *Conn) Head(stream uint32, flags byte) {
	c.Frame(Headers, EndHeaders|flags, stream, status200) // an entry of HPACK's static table
}

// Next returns the next frame of the client without its payload. It acknowledges SETTINGS before it
// returns them.
func (c *Conn) Next() (kind, flags byte, stream uint32, err error) {
	head := make([]byte, headerLen)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return 0, 0, 0, err
		}
		length := int64(binary.BigEndian.Uint32(head) >> 8)
		if _, err := io.CopyN(io.Discard, c, length); err != nil {
			return 0, 0, 0, err
		}
		kind, flags, stream = head[3], head[4], binary.BigEndian.Uint32(head[5:])
		if kind != Settings {
			return kind, flags, stream, nil
		}
		if flags&Ack == 0 {
			c.Frame(Settings, Ack, 0)
		}
	}
}
