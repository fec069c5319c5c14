// Package transporttest holds the contract of package transport as a suite
// that anyone can run on their own RoundTripper, and doubles named for the
// fault they have.
//
// The suite starts upstream servers on loopback TCP and watches from there
// what happens, so the RoundTripper under test may do its work in another
// process, as long as that process can reach 127.0.0.1.
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

// DefaultGuard is how long the suite waits for something that must happen.
// It is waited for in full only when a clause is broken.
const DefaultGuard = 20 * time.Second

// Config says what is tested and how.
type Config struct {
	// New returns a RoundTripper for one case of one clause. If it has a Close
	// method, the suite calls it at the end of the case.
	New func(t *testing.T) http.RoundTripper
	// HTTP2 makes the upstreams speak HTTP/2 over TLS. The RoundTripper must
	// then trust [TLSConfig]. Upstreams that break the rules of the wire, or
	// never speak, are plain HTTP/1 all the same.
	HTTP2 bool
	// CutLink cuts every link that rt has open, without a farewell. Nil cuts
	// the connections of the upstream instead.
	CutLink func(t *testing.T, rt http.RoundTripper)
	// CannotGive names the clauses the RoundTripper does not keep, each with the
	// reason, which is logged. Every other clause runs.
	CannotGive map[int]string
	// Undetected names upstreams of clause 12 whose breach the HTTP client below the
	// RoundTripper, which may be somebody else's, takes for a response, or for one
	// that is still to come, each with the reason, which is logged. Everything else is checked.
	Undetected map[string]string
	// Guard is how long to wait for what must happen. Zero means [DefaultGuard].
	Guard time.Duration
}

// Run runs every clause as a sub-test: "clause 01 …/case". It does not run
// them in parallel, and clause 13 counts goroutines: nothing else may run
// beside it in the same process.
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
				t.Logf("declared not given: %s", reason)
				return
			}
			for _, k := range c.cases {
				t.Run(k.name, func(t *testing.T) { runCase(t, t, cfg, k.check) })
			}
		})
	}
}

// TLSConfig returns a client configuration that trusts the suite's upstreams.
// Each call returns a new one.
func TLSConfig() *tls.Config {
	return &tls.Config{RootCAs: upstreamRoots()}
}

var upstreamRoots = sync.OnceValue(func() *x509.CertPool {
	srv := httptest.NewTLSServer(http.NotFoundHandler()) // every httptest server has the same certificate
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return roots
})

// reporter is where a case reports to: a testing.T, or a recorder when the
// suite itself is tested. Fatalf does not return.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// clause is one promise of the contract, with the situations it is checked in.
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
	{"read returns what is there", []testCase{{"pieces in lock-step", readWhatIsThere}}},
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
		{"nobody asked for gzip", func(p *probe) { p.gzip("") }}, {"caller asked for gzip", func(p *probe) { p.gzip("gzip") }},
	}},
	{"peer stops reading", []testCase{{"during an upload", peerStopsReading}}},
}

// probe is one case in progress.
type probe struct {
	reporter
	t   *testing.T
	cfg Config
	rt  http.RoundTripper
	ctx context.Context // of the requests; ends with the case

	mu     sync.Mutex
	bodies []io.Closer // guarded by mu
	ends   []func()    // guarded by mu; run in order, first all cuts, then these
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

// cleanUp frees a transport that hangs before it waits for anything.
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

// atEnd has cut called when the case is over, and end after everything was cut.
func (p *probe) atEnd(cut, end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cuts = append(p.cuts, cut)
	p.ends = append(p.ends, end)
}
