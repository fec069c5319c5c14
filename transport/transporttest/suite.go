// Package transporttest checks the contract of package transport for any RoundTripper, with a test
// suite. It also has test doubles, each named after its fault.
//
// The suite starts upstream servers on loopback TCP and observes the RoundTripper from there. The
// RoundTripper may therefore do its work in another process, if that process can reach 127.0.0.1.
package transporttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// DefaultGuard is how long the suite waits for something that must happen. A wait takes this long
// only if a clause is broken.
const DefaultGuard = 20 * time.Second

// Config describes the RoundTripper under test.
type Config struct {
	// New returns a RoundTripper for one case of one clause. If it has a Close method, the suite
	// calls it at the end of the case.
	New func(t *testing.T) http.RoundTripper
	// HTTP2 makes the upstreams speak HTTP/2 over TLS. The RoundTripper must then trust
	// [TLSConfig]. Upstreams that violate the wire protocol, or never speak, still use plain
	// HTTP/1.
	HTTP2 bool
	// CutLink cuts every open link of rt abruptly. If CutLink is nil, the suite cuts the
	// connections at the upstream instead.
	CutLink func(t *testing.T, rt http.RoundTripper)
	// CannotGive lists the clauses that the RoundTripper does not keep. The value is the reason,
	// which is logged. Every other clause runs.
	CannotGive map[int]string
	// Undetected lists the upstreams of clause 12 whose violation the RoundTripper cannot detect.
	// The HTTP client below it may be third-party code that accepts the violation as a response, or
	// waits for more. The value is the reason, which is logged. All other upstreams are checked.
	Undetected map[string]string
	// Guard is how long to wait for something that must happen. Zero means [DefaultGuard].
	Guard time.Duration
}

// Run runs every clause as a subtest named "clause 01 …/case", one at a time. Clause 13 counts
// goroutines, so nothing else may run in the same process meanwhile.
func Run(t *testing.T, cfg Config) {
	t.Helper()
	if cfg.New == nil {
		t.Fatal("transporttest: Config.New is nil")
	}
	for n := range cfg.CannotGive {
		if n < 1 || n > len(clauses) {
			t.Fatalf("transporttest: Config.CannotGive names clause %d, which does not exist", n)
		}
	}
	for i, c := range clauses {
		t.Run(fmt.Sprintf("clause %02d %s", i+1, c.name), func(t *testing.T) {
			if reason, ok := cfg.CannotGive[i+1]; ok {
				t.Logf("not kept, as declared: %s", reason)
				return
			}
			for _, k := range c.cases {
				t.Run(k.name, func(t *testing.T) { runCase(t, t, cfg, k.check) })
			}
		})
	}
}

// TLSConfig returns a client configuration that trusts the suite's upstreams. Each call returns a
// new one.
func TLSConfig() *tls.Config {
	return &tls.Config{RootCAs: upstreamRoots()}
}

var upstreamRoots = sync.OnceValue(func() *x509.CertPool {
	srv := httptest.NewTLSServer(http.NotFoundHandler()) // all httptest servers have the same certificate
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return roots
})

// reporter receives the failures of a case. It is a testing.T, or a recorder when the suite itself
// is tested. Fatalf does not return.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// clause is one clause of the contract, with the cases that check it.
type clause struct {
	name  string
	cases []testCase
}

type testCase struct {
	name  string
	check func(*probe)
}

var clauses = []clause{
	{"headers before body ends", []testCase{{"body withheld", headersBeforeBody}}},
	{"read returns available bytes", []testCase{{"pieces in lock-step", readWhatIsThere}}},
	{"cancel before headers", []testCase{
		{"headers withheld", cancelHeadersWithheld}, {"deadline", deadlineHeadersWithheld},
		{"peer never accepts", cancelNeverAccepted}, {"peer never reads", cancelPeerNeverReads},
		{"request body blocks", cancelRequestBodyBlocks}, {"before the call", cancelBeforeCall},
	}},
	{"cancel during body", []testCase{{"read blocked", cancelReadBlocked}, {"between reads", cancelBetweenReads}}},
	{"close of body", []testCase{
		{"peer silent", closePeerSilent}, {"read blocked", closeReadBlocked},
		{"after the end", closeAfterEnd}, {"much unread", closeMuchUnread},
	}},
	{"stalled reader", []testCase{{"64 MiB waiting", stalledReader}}},
	{"request unchanged and its body closed", []testCase{
		{"answered", requestAnswered}, {"answered early", requestAnsweredEarly}, {"refused", requestRefused},
		{"bad scheme", requestBadScheme}, {"cancelled", requestCancelled}, {"body fails", requestBodyFails},
	}},
	{"a status is never an error", []testCase{{"2xx to 5xx", statusNeverError}}},
	{"redirects are returned", []testCase{{"301 302 303 307 308", redirectsReturned}}},
	{"response complete", []testCase{{"lengths", responseLengths}, {"no body", responseNoBody}}},
	{"link loss", []testCase{
		{"before headers, reset", func(p *probe) { p.lossBeforeHeaders((*cutListener).cut) }},
		{"before headers, closed", func(p *probe) { p.lossBeforeHeaders((*cutListener).hangUp) }},
		{"chunked body reset", func(p *probe) { p.lossInBody(firstPiece, (*cutListener).cut) }},
		{"chunked body closed", func(p *probe) { p.lossInBody(firstPiece, (*cutListener).hangUp) }},
		{"body of known length", func(p *probe) { p.lossInBody(firstPieceOf1000, (*cutListener).hangUp) }},
	}},
	{"broken wire", []testCase{{"garbage", brokenWire}, {"floods", floodedWire}}},
	{"close of the transport", []testCase{{"open exchanges", closeOpenExchanges}, {"goroutines", closeGoroutines}}},
	{"a hundred at once", []testCase{{"mixed", hundredMixed}}},
	{"bodies as sent", []testCase{
		{"caller did not ask for gzip", func(p *probe) { p.gzip("") }}, {"caller asked for gzip", func(p *probe) { p.gzip("gzip") }},
	}},
	{"peer stops reading", []testCase{{"during an upload", peerStopsReading}}},
}

// probe is one running case.
type probe struct {
	reporter
	t   *testing.T
	cfg Config
	rt  http.RoundTripper
	ctx context.Context // context of the requests; ends with the case

	mu     sync.Mutex
	bodies []io.Closer // guarded by mu
	ends   []func()    // guarded by mu; run in order, after all cuts
	cuts   []func()    // guarded by mu
}

func runCase(t *testing.T, r reporter, cfg Config, check func(*probe)) {
	t.Helper()
	if cfg.Guard <= 0 {
		cfg.Guard = DefaultGuard
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &probe{reporter: r, t: t, cfg: cfg, ctx: ctx}
	defer p.cleanUp(cancel)
	p.rt = cfg.New(t)
	check(p)
}

// cleanUp cancels and cuts everything first. A transport that hangs then cannot block the waits
// that follow.
func (p *probe) cleanUp(cancel context.CancelFunc) {
	p.mu.Lock()
	cuts, bodies, ends := p.cuts, p.bodies, p.ends
	p.mu.Unlock()
	for _, cut := range cuts {
		cut()
	}
	cancel()
	for _, b := range bodies {
		_ = b.Close()
	}
	switch rt := p.rt.(type) {
	case io.Closer:
		_ = rt.Close()
	case interface{ CloseIdleConnections() }:
		rt.CloseIdleConnections()
	}
	for _, end := range ends {
		end()
	}
}

// atEnd registers functions to call when the case has ended. cut runs at once, end after all cuts.
func (p *probe) atEnd(cut, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, cut)
	p.ends = append(p.ends, end)
}
