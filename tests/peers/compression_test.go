package peers_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/tests/peers/peer"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// compressionWays returns the routes to a compressing server. Versions of codex differ in what they
// do with compressed bodies, so all of them are routes.
func compressionWays() []way {
	far := func(name string, opts *executor.Options, start func(testing.TB) string) way {
		return way{name: name, open: func(tb testing.TB) transport.Transport { return openExecutor(tb, start(tb), opts) }}
	}
	agent := func(tb testing.TB) string { return startExecutor(tb, "agent") }
	ways := []way{
		{name: "direct", open: openDirect}, far("agent", nil, agent), far("agent shared", &executor.Options{Shared: true}, agent),
	}
	for _, codex := range peer.Codexes {
		ways = append(ways, far("codex "+codex.Version, nil, func(tb testing.TB) string { return codex.Start(tb).URL }))
	}
	return ways
}

// A server compresses its responses. Over every route, the events of a stream arrive while the
// stream is open, and results are the same: if the server compresses what the client accepts, and
// if it compresses everything. The tool "wait" returns only after the client has received its
// progress notification.
func TestCompressingServerOverEveryRoute(t *testing.T) {
	server := startCompressing(t)
	for _, w := range compressionWays() {
		t.Run(w.name, func(t *testing.T) {
			rt := w.open(t)
			for path, opts := range map[string]mcpclient.Options{
				"/mcp": {}, "/always": {}, "/always with AcceptGzip": {AcceptGzip: true},
			} {
				t.Run(path, func(t *testing.T) {
					s := openCompressed(t, server+strings.TrimSuffix(path, " with AcceptGzip"), rt, opts)
					progress, done := make(chan float64, 1), make(chan string, 1)
					go func() {
						result, err := s.CallTool(t.Context(), "wait", nil, mcpclient.OnProgress(func(_ context.Context, p mcpclient.Progress) {
							progress <- p.Progress
						}))
						if err != nil {
							t.Error(err)
						}
						done <- textOf(result)
					}()
					if got := within(t, progress, "the event of an open stream"); got != 1 {
						t.Errorf("got progress %v", got)
					}
					if len(done) != 0 {
						t.Error("the call ended before it was released")
					}
					says(t, s, "release", nil)
					if got := within(t, done, "the result"); got != "released" {
						t.Errorf("wait returned %q", got)
					}
				})
			}
			for path, opts := range map[string]mcpclient.Options{
				"/mcp": {}, "/mcp with AcceptGzip": {AcceptGzip: true}, "/always": {}, "/always/json": {},
			} {
				t.Run("big "+path, func(t *testing.T) {
					s := openCompressed(t, server+strings.TrimSuffix(path, " with AcceptGzip"), rt, opts)
					if got := says(t, s, "big", nil); len(got) != 168_889 || !strings.HasPrefix(got, "0 ü\n1 ü\n") || !strings.HasSuffix(got, "\n19999 ü") {
						t.Errorf("big returned %d bytes: %.20q", len(got), got)
					}
				})
			}
		})
	}
}

// startCompressing starts the server and checks that it compresses. It returns the URL without a
// path.
func startCompressing(t *testing.T) string {
	t.Helper()
	script, err := filepath.Abs("compressing.mjs")
	if err != nil {
		t.Fatal(err)
	}
	url := peer.StartServer(t, "express with compression", "", func(int) peer.Command { return peer.NodeCommand(t, script) }).URL
	rt := openDirect(t)
	for _, test := range []struct{ path, accept, want string }{
		{"/mcp", "identity", ""}, {"/mcp", "zstd,gzip", "gzip"}, {"/always", "identity", "gzip"}, {"/always/json", "identity", "gzip"},
	} {
		resp := initialize(t, rt, url+test.path, test.accept)
		if got := resp.Header.Get("Content-Encoding"); resp.StatusCode != http.StatusOK || got != test.want {
			t.Errorf("%s answered %q with status %d and encoding %q, expected %q", test.path, test.accept, resp.StatusCode, got, test.want)
		}
		_ = resp.Body.Close()
	}
	return url
}

// initialize sends a request that accepts an encoding.
func initialize(t *testing.T, rt http.RoundTripper, url, accept string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize",`+
		`"params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Accept-Encoding", accept)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func openCompressed(t *testing.T, url string, rt transport.Transport, opts mcpclient.Options) *mcpclient.Session {
	t.Helper()
	opts.Transport = rt
	s, err := mcpclient.Connect(t.Context(), url, &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Codex receives the encodings that the session accepts, and "identity" if the session accepts none.
// Some versions decode gzip below the transport, which clause 15 of its contract forbids. They leave
// no trace of the encoding, so sessions read the same.
func TestCompressedBodiesThroughCodex(t *testing.T) {
	const text = "compress me"
	accepted := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted <- strings.Join(r.Header.Values("Accept-Encoding"), "|")
		w.Header().Set("Content-Encoding", "gzip")
		zw := gzip.NewWriter(w)
		_, _ = io.WriteString(zw, text)
		_ = zw.Close()
	}))
	defer server.Close()
	for _, codex := range peer.Codexes {
		rt := openExecutor(t, codex.Start(t).URL, nil)
		for accept, want := range map[string]string{"": "identity", "gzip": "gzip"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if accept != "" {
				req.Header.Set("Accept-Encoding", accept)
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if got := <-accepted; got != want {
				t.Errorf("codex %s: the server received Accept-Encoding %q, expected %q", codex.Version, got, want)
			}
			var body io.Reader = resp.Body
			if got := resp.Header.Get("Content-Encoding") == ""; got != codex.Decodes {
				t.Errorf("codex %s: decoded a body: %t, expected %t", codex.Version, got, codex.Decodes)
			}
			if !codex.Decodes {
				if body, err = gzip.NewReader(body); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := io.ReadAll(body); err != nil || string(got) != text {
				t.Errorf("codex %s: got %q, %v", codex.Version, got, err)
			}
			_ = resp.Body.Close()
		}
	}
}
