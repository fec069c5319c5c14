package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// buffers holds the buffers of exchanges over HTTP/2.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// handle answers a request over HTTP/2. It refuses other protocols, so that a client which does not
// use HTTP/2 fails.
func handle(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 {
		http.Error(w, "HTTP/2 only", http.StatusHTTPVersionNotSupported)
		return
	}
	switch r.Method {
	case http.MethodPost:
	case http.MethodDelete:
		return
	default:
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	buf := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(io.LimitReader(r.Body, maxMessage)); err != nil {
		return
	}
	reply, err := workload.Answer(r.URL.Path, buf.Bytes())
	if err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		http.Error(w, "no such message", http.StatusBadRequest)
		return
	}
	if reply.None {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	start := reply.Append(nil)
	w.Header()["Content-Type"] = contentType[reply.Stream]
	if reply.Session {
		w.Header().Set("Mcp-Session-Id", sessionID)
	}
	if !reply.Unsized {
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(start) + len(reply.Last))}
	}
	_, _ = w.Write(start) //nolint:gosec // JSON for programs; the client is gone if this fails
	_, _ = w.Write(reply.Last)
}

// contentType has the content types of replies, by whether they are streams.
var contentType = map[bool][]string{false: {"application/json"}, true: {"text/event-stream"}}

// certificate returns a new certificate for loopback, and its PEM for clients.
func certificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
