package peer

import (
	"fmt"
	"io"
	stdlog "log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Front is a reverse proxy. The first path element of a request names the server to which Front
// forwards the request. Front counts these requests.
type Front struct {
	url string

	mu   sync.Mutex
	seen map[Exchange]int
}

// StartFront starts a Front on loopback. It is closed at the end of the test.
func StartFront(tb testing.TB) *Front {
	tb.Helper()
	f := &Front{seen: map[Exchange]int{}}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			host, path, _ := strings.Cut(strings.TrimPrefix(p.In.URL.Path, "/"), "/")
			p.Out.URL = &url.URL{Scheme: "http", Host: host, Path: "/" + path, RawQuery: p.In.URL.RawQuery}
			p.Out.Host = host
		},
		FlushInterval: -1, // forwards streams immediately
		ErrorLog:      stdlog.New(io.Discard, "", 0),
		Transport:     &http.Transport{DisableCompression: true},
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen[Exchange{r.Method, f.url + r.URL.RequestURI()}]++
		f.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	f.url = srv.URL
	tb.Cleanup(srv.Close)
	return f
}

// Seen returns how often each request arrived.
func (f *Front) Seen() map[Exchange]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.seen)
}

// Lead returns the path of a program that runs client. The program takes a URL as its only
// argument, and passes client a URL that leads to the same server through f.
func (f *Front) Lead(tb testing.TB, client string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "client")
	script := fmt.Sprintf("#!/bin/sh\nexec '%s' \"%s/${1#http://}\"\n", client, f.url)
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil { //nolint:gosec // a program must be executable
		tb.Fatalf("peer: %v", err)
	}
	return path
}
