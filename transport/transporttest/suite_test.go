package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// recorder is a reporter that records failures without failing the test.
type recorder struct {
	mu       sync.Mutex
	failures []string // guarded by mu
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// verdict runs every case of clause n and returns the failures that were reported.
func verdict(t *testing.T, n int, cfg Config) string {
	t.Helper()
	var rec recorder
	for _, k := range clauses[n-1].cases {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runCase(t, &rec, cfg, k.check)
		}()
		<-done
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return strings.Join(rec.failures, "\n")
}

// quick is the guard time for faults that make a call hang. The suite waits for the whole guard
// time in such a case, and a longer one would not find more.
const quick = 200 * time.Millisecond

var faults = []struct {
	fault  string
	clause int
	guard  time.Duration
	says   string
	b      broken
}{
	{"buffers", 1, quick, "RoundTrip did not return", broken{
		roundTrip: func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
			return (&Buffering{base}).RoundTrip(req)
		}}},
	{"waits for a full buffer", 2, quick, "bytes available did not return", broken{roundTrip: onRead(io.ReadFull)}},
	{"ignores its context", 3, quick, "RoundTrip did not return", broken{roundTrip: deaf}},
	{"loses the cause", 3, 0, "does not wrap the context's cause", broken{
		roundTrip: onError(func(_ *http.Request, err error) (*http.Response, error) { return nil, losesTheCause(err) })}},
	{"ignores its context in the body", 4, quick, "Read after the context ended did not return", broken{roundTrip: deaf}},
	{"loses the cause in the body", 4, 0, "does not wrap the context's cause", broken{roundTrip: onRead(readsWithoutTheCause)}},
	{"close waits for the peer", 5, quick, "Close of the body did not return", broken{roundTrip: onResponse(waitsOnClose)}},
	{"close keeps the far end", 5, quick, "did not happen: the upstream sees the body closed", broken{
		roundTrip: onClose(func(io.ReadCloser) error { return nil })}},
	{"one at a time", 6, quick, "RoundTrip did not return", broken{roundTrip: oneAtATime()}},
	{"adds a header", 7, 0, "header was changed", broken{roundTrip: addsHeader}},
	{"leaves the request's body open", 7, quick, "did not happen: the request's body is closed", broken{roundTrip: leavesTheBodyOpen}},
	{"makes a status an error", 8, 0, "500 Internal Server Error", broken{roundTrip: onResponse(statusAsError)}},
	{"follows redirects", 9, 0, "want 301", broken{roundTrip: followsRedirects}},
	{"another request in the response", 10, 0, "not the request that was passed in", broken{
		roundTrip: onResponse(func(r *http.Response) (*http.Response, error) {
			r.Request = r.Request.Clone(r.Request.Context())
			return r, nil
		})}},
	{"no body", 10, 0, "body is nil", broken{
		roundTrip: onResponse(func(r *http.Response) (*http.Response, error) { _ = r.Body.Close(); r.Body = nil; return r, nil })}},
	{"no header", 10, 0, "header is nil", broken{
		roundTrip: onResponse(func(r *http.Response) (*http.Response, error) { r.Header = nil; return r, nil })}},
	{"unknown length is zero", 10, 0, "ContentLength is 0, want -1", broken{
		roundTrip: onResponse(func(r *http.Response) (*http.Response, error) {
			r.ContentLength = max(r.ContentLength, 0)
			return r, nil
		})}},
	{"a truncated body looks complete", 11, 0, "is io.EOF", broken{roundTrip: onRead(readsEOFOnCut)}},
	{"says not sent after sending", 11, 0, `has stage "not sent"`, broken{
		roundTrip: onError(func(_ *http.Request, err error) (*http.Response, error) {
			return nil, &transport.Error{Stage: transport.NotSent, Err: err}
		})}},
	{"panics on garbage", 12, 0, "panicked", broken{
		roundTrip: onError(func(*http.Request, error) (*http.Response, error) { panic("garbage") })}},
	{"hangs on garbage", 12, quick, "did not return", broken{
		roundTrip: onError(func(req *http.Request, err error) (*http.Response, error) { <-req.Context().Done(); return nil, err })}},
	{"treats garbage as a response", 12, 0, "ended as if it were complete", broken{
		roundTrip: onError(func(req *http.Request, _ error) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
		})}},
	{"close does nothing", 13, quick, "RoundTrip did not return", broken{close: func(io.Closer) error { return nil }}},
	{"closed but not permanently", 13, 0, "RoundTrip after Close failed", broken{
		roundTrip: onError(func(_ *http.Request, err error) (*http.Response, error) { return nil, errors.New(err.Error()) })}},
	{"crosses replies", 14, 0, "want \"exchange-", broken{roundTrip: crossesReplies()}},
	{"decodes gzip", 15, 0, "the body was decoded", broken{roundTrip: onResponse(decodesGzip)}},
	{"ignores its context during an upload", 16, quick, "Read during a stuck upload did not return", broken{roundTrip: deaf}},
	{"ignores its context in an upload", 16, quick, "RoundTrip did not return", broken{
		roundTrip: func(base http.RoundTripper, req *http.Request) (*http.Response, error) {
			if req.Method == http.MethodPost {
				return deaf(base, req)
			}
			return base.RoundTrip(req)
		}}},
	{"asks for identity instead", 15, 0, `Accept-Encoding "identity" arrived`, broken{roundTrip: asksFor("identity")}},
	{"asks for gzip", 15, 0, `Accept-Encoding "gzip" arrived`, broken{roundTrip: asksFor("gzip")}},
}

func TestBrokenTransportsFail(t *testing.T) {
	for _, tt := range faults {
		t.Run(fmt.Sprintf("clause %02d %s", tt.clause, tt.fault), func(t *testing.T) {
			cfg := Config{Guard: tt.guard, New: func(t *testing.T) http.RoundTripper {
				b := tt.b
				b.Transport = transport.NewDirect(nil)
				t.Cleanup(func() { _ = b.Transport.Close() })
				return &b
			}}
			if got := verdict(t, tt.clause, cfg); !strings.Contains(got, tt.says) {
				t.Fatalf("the clause reported %q, want %q", got, tt.says)
			}
		})
	}
}

func TestLeakedGoroutineFails(t *testing.T) {
	stop := make(chan struct{})
	var leaks sync.WaitGroup
	cfg := Config{Guard: quick, New: func(*testing.T) http.RoundTripper {
		return &broken{Transport: transport.NewDirect(nil), close: func(base io.Closer) error {
			leaks.Go(func() { <-stop })
			return base.Close()
		}}
	}}
	got := verdict(t, 13, cfg)
	close(stop)
	leaks.Wait()
	if !strings.Contains(got, "goroutines are left") {
		t.Fatalf("the clause reported %q", got)
	}
}

func TestRoundTripperWithoutCloseMustBeDeclared(t *testing.T) {
	noClose := func(*testing.T) http.RoundTripper { return struct{ http.RoundTripper }{&http.Transport{}} }
	if got := verdict(t, 13, Config{New: noClose}); !strings.Contains(got, "CannotGive") {
		t.Fatalf("the clause reported %q", got)
	}
}

// A bare http.Transport keeps most clauses. Direct exists to keep the others as well.
func TestBareHTTPTransport(t *testing.T) {
	Run(t, Config{
		New: func(*testing.T) http.RoundTripper { return &http.Transport{} },
		CannotGive: map[int]string{
			3:  "waits for a request body whose Read blocks, even after the context has ended",
			11: "a lost connection is io.EOF before the headers",
			12: "a connection that is closed without an answer is io.EOF",
			13: "has no Close",
			15: "asks for gzip and decodes it",
		},
	})
}

func TestCutLinkIsUsed(t *testing.T) {
	cuts := 0
	cfg := Config{
		New:     func(*testing.T) http.RoundTripper { return transport.NewDirect(nil) },
		CutLink: func(_ *testing.T, rt http.RoundTripper) { cuts++; _ = rt.(io.Closer).Close() },
	}
	if got := verdict(t, 11, cfg); got != "" || cuts != len(clauses[10].cases) {
		t.Fatalf("reported %q after %d cuts", got, cuts)
	}
}

func TestDoubles(t *testing.T) {
	executed := 0
	base := roundTripFunc(func(req *http.Request) (*http.Response, error) {
		executed++
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("hello world")), Request: req}, nil
	})
	do := func(rt http.RoundTripper) (string, error) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://upstream/", bytes.NewReader(nil))
		if err != nil {
			return "", err
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return "", err
		}
		data, err := io.ReadAll(resp.Body)
		return string(data), err
	}
	want := func(what, body string, stage transport.Stage, runs int, rt http.RoundTripper) {
		t.Helper()
		executed = 0
		got, err := do(rt)
		switch {
		case got != body || executed != runs:
			t.Errorf("%s: body %q after %d executions, want %q after %d", what, got, executed, body, runs)
		case stage == transport.Answered && err != nil:
			t.Errorf("%s: %v", what, err)
		case stage != transport.Answered && (!errors.Is(err, ErrFault) || transport.StageOf(err) != stage):
			t.Errorf("%s: error %v, want stage %q", what, err, stage)
		}
	}
	refusing := &Refusing{Base: base, Times: 1}
	want("refused", "", transport.NotSent, 0, refusing)
	want("then sent", "hello world", transport.Answered, 1, refusing)
	losing := &LosingReplies{Base: base, Times: 1}
	want("lost", "", transport.MaybeSent, 1, losing)
	want("then answered", "hello world", transport.Answered, 1, losing)
	want("cut", "hello", transport.MaybeSent, 1, &CuttingBodies{Base: base, After: 5})
	want("long enough", "hello world", transport.Answered, 1, &CuttingBodies{Base: base, After: 100})
	want("buffered", "hello world", transport.Answered, 1, &Buffering{Base: base})
}

type roundTripFunc func(*http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
