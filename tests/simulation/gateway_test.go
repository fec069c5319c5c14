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

// gateway speaks HTTP/2 over TLS to the client and HTTP/1.1 to the server behind it, one connection per request. It
// passes on what comes at once, never sends a request twice, and resets a stream whose connection to the server breaks,
// before the head as well: a status of its own would be a milder fault than that of the server. (Requests that look at
// the address of the server come to it over HTTP/1.1.)
type gateway struct {
	server *server
	back   *memnet.Network
	http   http.Server

	goAway atomic.Bool // the next reply ends its connection: GOAWAY, then the streams that are open
}

// newGateway begins to serve.
func newGateway(s *server, front, back *memnet.Network) *gateway {
	g := &gateway{server: s, back: back}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true) // it is below the TLS of gatewayListener
	g.http = http.Server{
		Handler: g, Protocols: protocols, ErrorLog: log.New(io.Discard, "", 0),
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: s.h.Streams},
	}
	ln := &gatewayListener{front.Listen(gatewayAddr), s}
	s.wg.Go(func() { _ = g.http.Serve(ln) }) // ends with close
	return g
}

// close ends all connections.
func (g *gateway) close(front *memnet.Network) {
	front.ResetAll() // crypto/tls would wait until it can say goodbye
	_ = g.http.Close()
	time.Sleep(time.Second)
	g.back.ResetAll() // a server on a silent connection would wait for ever
}

// emptyPools takes care of Go 1.25, whose net/http keeps channels of HTTP/2 servers in a sync.Pool: one of an earlier
// bubble must not come into the next. The second collection empties what the first one set aside.
func emptyPools() {
	if strings.HasPrefix(runtime.Version(), "go1.25") {
		runtime.GC()
		runtime.GC()
	}
}

// ServeHTTP passes a request on to the server, and the reply back.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.note(r)
	c, err := g.back.DialContext(r.Context(), "mem", endpointAddr)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer c.Close()
	defer context.AfterFunc(r.Context(), func() { _ = c.Close() })()
	go func() { _ = r.Write(c) }() // ends with c or the body; the server may answer before it has read everything
	resp, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil || resp.StatusCode < 200 { // HTTP/2 has no 101, and net/http sends no 99
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

// passOn sends the body of a reply as it comes. A false result means that it broke off.
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

// note notes whose request came last on a connection, and whether that speaks what it should.
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
			time.Sleep(10 * time.Microsecond) // not at the instant of the dial
			c.(*memnet.Conn).Reset()
			_ = c.Close()
		})
	}
}

// Frames of HTTP/2 (RFC 9113).
const (
	frameHeader   = 9
	frameReset    = 0x3 // RST_STREAM
	internalError = 0x2 // what net/http resets the stream of a broken reply with
	protocolError = 0x1
	refusedStream = 0x7
	cancelStream  = 0x8
)

// gatewayConn is a connection to the gateway, under TLS. It resets streams with an error code of the history's.
type gatewayConn struct {
	net.Conn // so that net/http sees no TLS and reads the preface itself
	tls      *tls.Conn
	code     byte // 0: as net/http does

	at     int // of the frame that is written, in bytes
	length int // of its payload
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

// next follows the frames, and returns what is sent for a byte of one.
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

// gatewayCertificate returns the certificate of the gateway, and who trusts it.
var gatewayCertificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) // signatures of one length, whatever the run
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gateway"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0), // fake time begins in 2000
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(nil, template, template, private.Public(), private)
	if err != nil {
		panic(err) // nothing random is in it
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private, Leaf: leaf}, roots
})
