package transporttest

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
)

var quiet = log.New(io.Discard, "", 0) // servers would log every cut connection

// upstream is an HTTP server whose connections can be cut.
type upstream struct {
	URL string
	ln  *cutListener
}

// upstream starts a server for the case. If the handler blocks, it must watch its request's
// context, which ends with the case at the latest.
func (p *probe) upstream(h http.HandlerFunc) *upstream {
	p.Helper()
	srv := httptest.NewUnstartedServer(h)
	ln := &cutListener{Listener: srv.Listener}
	srv.Listener = ln
	srv.Config.ErrorLog = quiet
	srv.Config.HTTP2 = &http.HTTP2Config{ // let TCP flow control, not that of HTTP/2, slow clients down
		MaxReceiveBufferPerConnection: 1 << 30,
		MaxReceiveBufferPerStream:     1 << 30,
	}
	srv.Config.BaseContext = func(net.Listener) context.Context { return p.ctx }
	if p.cfg.HTTP2 {
		srv.EnableHTTP2 = true
		srv.StartTLS()
	} else {
		srv.Start()
	}
	p.atEnd(ln.cut, srv.Close)
	return &upstream{URL: srv.URL, ln: ln}
}

// cutListener keeps its accepted connections, and can cut them.
type cutListener struct {
	net.Listener
	deaf  atomic.Bool
	mu    sync.Mutex
	conns []*acceptedConn // guarded by mu
}

func (l *cutListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	ac := &acceptedConn{Conn: c, ln: l, closed: newGate()}
	l.mu.Lock()
	l.conns = append(l.conns, ac)
	l.mu.Unlock()
	return ac, nil
}

// stopReading stops reading from all connections. When the buffers in between are full, the client
// can no longer write.
func (l *cutListener) stopReading() { l.deaf.Store(true) }

// acceptedConn is a connection of a cutListener.
type acceptedConn struct {
	net.Conn
	ln     *cutListener
	closed *gate
}

func (c *acceptedConn) Read(p []byte) (int, error) {
	if c.ln.deaf.Load() {
		<-c.closed.ch
	}
	return c.Conn.Read(p)
}

func (c *acceptedConn) Close() error {
	c.closed.open()
	return c.Conn.Close()
}

func (l *cutListener) take() []*acceptedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	conns := l.conns
	l.conns = nil
	return conns
}

// cut resets every connection accepted so far.
func (l *cutListener) cut() {
	for _, c := range l.take() {
		reset(c)
	}
}

// hangUp closes every connection accepted so far, as the operating system does when a process ends.
func (l *cutListener) hangUp() {
	for _, c := range l.take() {
		_ = c.Close()
	}
}

// reset closes c with RST instead of FIN.
func reset(c *acceptedConn) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// peer starts a server that speaks raw TCP and returns its URL. serve gets each connection, which
// is closed when serve returns and reset at the end of the case. If serve is nil, the server never
// accepts.
func (p *probe) peer(serve func(net.Conn)) string {
	p.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatalf("listen: %v", err)
	}
	ln := &cutListener{Listener: inner}
	var wg sync.WaitGroup
	if serve != nil {
		wg.Go(func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				wg.Go(func() {
					defer c.Close()
					serve(c)
				})
			}
		})
	}
	p.atEnd(func() { _ = inner.Close(); ln.cut() }, func() { ln.cut(); wg.Wait() })
	return "http://" + inner.Addr().String()
}

// answer returns a function for peer that reads a whole request and answers with the bytes raw.
func answer(raw string) func(net.Conn) {
	return func(c net.Conn) {
		if err := readRequest(c); err != nil {
			return
		}
		_, _ = io.WriteString(c, raw)
	}
}

func readRequest(c net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err
}

// drain reads the request's body. net/http notices only after that when the client disconnects.
func drain(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

// piece writes s to the client and flushes it.
func piece(w http.ResponseWriter, s string) {
	_, _ = io.WriteString(w, s)
	w.(http.Flusher).Flush()
}

// hold blocks a handler until release is closed or the client has disconnected.
func hold(r *http.Request, release <-chan struct{}) {
	select {
	case <-release:
	case <-r.Context().Done():
	}
}

// gate is an event. It may happen more than once, but only the first time has an effect.
type gate struct {
	once sync.Once
	ch   chan struct{}
}

func newGate() *gate { return &gate{ch: make(chan struct{})} }

func (g *gate) open() { g.once.Do(func() { close(g.ch) }) }
