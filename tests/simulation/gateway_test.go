package simulation_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

const (
	gatewayEndpoint = "https://127.0.0.1" + endpointPath
	endpointPath    = "/mcp"
	gatewayAddr     = "127.0.0.1:443"
)

// gateway speaks HTTP/2 over TLS to the client and HTTP/1.1 to the server behind it, with one
// connection per request. It forwards data immediately and never sends a request twice. When the
// connection to the server breaks, the gateway resets the stream of the client. It does so even
// before the response head, because an error status would be a milder fault than the broken
// connection. Requests for the metadata at the server's address reach the gateway over HTTP/1.1.
type gateway struct {
	server *server
	back   *memnet.Network
	http   http.Server

	goAway atomic.Bool // the next reply makes its connection send GOAWAY; the open streams still finish
}

// newGateway starts a gateway.
func newGateway(s *server, front, back *memnet.Network) *gateway {
	g := &gateway{server: s, back: back}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // TLS ends in gatewayListener, above net/http
	g.http = http.Server{
		Handler: g, Protocols: protocols, ErrorLog: log.New(io.Discard, "", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: s.h.Streams},
	}
	ln := &gatewayListener{front.Listen(gatewayAddr), s}
	s.wg.Go(func() { _ = g.http.Serve(ln) }) // returns after close
	return g
}

// close ends all connections.
func (g *gateway) close(front *memnet.Network) {
	front.ResetAll() // crypto/tls would wait to send its close_notify alert
	_ = g.http.Close()
	time.Sleep(time.Second)
	g.back.ResetAll() // a server on a silent connection would wait forever
}

// emptyPools works around net/http in Go 1.25, which keeps channels of HTTP/2 servers in a
// sync.Pool. A channel that was created in one synctest bubble must not be used in the next one.
// emptyPools runs the garbage collector twice, because the first collection only moves the channels
// to the victim cache.
func emptyPools() {
	if strings.HasPrefix(runtime.Version(), "go1.25") {
		runtime.GC()
		runtime.GC()
	}
}

// ServeHTTP forwards a request to the server, and the reply to the client.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.note(r)
	c, err := g.back.DialContext(r.Context(), "mem", endpointAddr)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer c.Close()
	defer context.AfterFunc(r.Context(), func() { _ = c.Close() })()
	go func() { _ = r.Write(c) }() // ends when c or the body ends; the server may answer before it has read the whole request
	resp, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil || resp.StatusCode < 200 { // HTTP/2 has no status 101, and net/http cannot send 99
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	for name, values := range resp.Header {
		header[name] = values
	}
	header.Del("Connection")
	if r.ProtoMajor == 2 && (resp.Close && resp.ContentLength >= 0 || g.goAway.Swap(false)) {
		header.Set("Connection", "close") // makes net/http send GOAWAY
		g.server.j.count("GOAWAY")
	}
	w.WriteHeader(resp.StatusCode)
	if !passOn(w, resp) {
		panic(http.ErrAbortHandler)
	}
}

// passOn forwards the body of a reply as it arrives. It returns false if the connection breaks
// before the end of the body.
func passOn(w http.ResponseWriter, resp *http.Response) bool {
	flush := http.NewResponseController(w).Flush
	if resp.ContentLength != 0 && flush() != nil {
		return false
	}
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil || flush() != nil {
				return false
			}
		}
		if err != nil {
			return err == io.EOF
		}
	}
}

// note records that r is the last request on its connection. If a call does not use HTTP/2, note
// reports a breach.
func (g *gateway) note(r *http.Request) {
	if r.ProtoMajor == 2 {
		g.server.j.count("HTTP/2 requests")
	} else if r.URL.Path == endpointPath {
		g.server.j.breachf("not HTTP/2", 0, "%s %s", r.Method, r.Proto)
	}
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	g.server.lastOn[r.RemoteAddr] = "gateway " + r.Header.Get(opHeader) + r.Method
}

// gatewayListener accepts the connections of the gateway.
type gatewayListener struct {
	*memnet.Listener
	s *server
}

// Accept implements net.Listener.
func (l *gatewayListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if !l.s.resetNext.Swap(false) {
			certificate, _ := gatewayCertificate()
			secure := tls.Server(c, &tls.Config{
				Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2", "http/1.1"},
				CurvePreferences: []tls.CurveID{tls.X25519}, SessionTicketsDisabled: true,
			})
			return &gatewayConn{Conn: secure, tls: secure, code: byte(l.s.h.Abort)}, nil
		}
		l.s.wg.Go(func() {
			time.Sleep(10 * time.Microsecond) // the reset must not happen at the instant of the dial
			c.(*memnet.Conn).Reset()
			_ = c.Close()
		})
	}
}

// Frames of HTTP/2 (RFC 9113).
const (
	frameHeader   = 9
	frameReset    = 0x3 // RST_STREAM
	internalError = 0x2 // the code with which net/http resets the stream of a broken reply
	protocolError = 0x1
	refusedStream = 0x7
	cancelStream  = 0x8
)

// gatewayConn is a TLS connection to the gateway. It replaces the error code of stream resets with
// the one that the history prescribes.
type gatewayConn struct {
	net.Conn // hides the type *tls.Conn from net/http, which then reads the HTTP/2 preface itself
	tls      *tls.Conn
	code     byte // 0: keep the code of net/http

	at     int // number of bytes of the current frame that were written
	length int // length of the payload of the current frame in bytes
	kind   byte
}

// Write implements net.Conn. One goroutine writes at a time.
func (c *gatewayConn) Write(p []byte) (int, error) {
	if c.code == 0 || c.tls.ConnectionState().NegotiatedProtocol != "h2" {
		return c.Conn.Write(p)
	}
	changed := make([]byte, len(p))
	for i, b := range p {
		changed[i] = c.next(b)
	}
	return c.Conn.Write(changed)
}

// next processes the next byte b of the connection's frames and returns the byte to send instead.
func (c *gatewayConn) next(b byte) byte {
	switch {
	case c.at < 3:
		c.length = c.length<<8 | int(b)
	case c.at == 3:
		c.kind = b
	case c.kind == frameReset && c.at == frameHeader+3 && b == internalError:
		b = c.code
	}
	if c.at++; c.at >= frameHeader && c.at == frameHeader+c.length {
		c.at, c.length = 0, 0
	}
	return b
}

// gatewayCertificate returns the gateway's certificate and a pool that trusts it.
var gatewayCertificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // gives signatures the same length in every run
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), // fake time starts in 2000
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	if err != nil {
		panic(err) // the input is constant
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, roots
})
