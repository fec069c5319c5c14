package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// listen serves each connection with serve and closes it afterwards.
func listen(t testing.TB, serve func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { defer c.Close(); serve(c) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

// readHead reads up to the end of a request's header.
func readHead(c net.Conn) string {
	var head []byte
	for b := make([]byte, 1); !strings.HasSuffix(string(head), "\r\n\r\n"); {
		if _, err := c.Read(b); err != nil {
			break
		}
		head = append(head, b[0])
	}
	return string(head)
}

func requireStage(t *testing.T, err error, stage transport.Stage, permanent bool) {
	t.Helper()
	var te *transport.Error
	require.ErrorAs(t, err, &te)
	require.Equal(t, stage, te.Stage, "%v", err)
	require.Equal(t, permanent, te.Permanent, "%v", err)
	require.NotErrorIs(t, err, io.EOF)
	require.NotContains(t, err.Error(), "secret")
}

func dialError(err error) *transport.DirectOptions {
	return &transport.DirectOptions{DialContext: func(_ context.Context, network, _ string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}}
}

func TestStageBeforeTheRequestIsSent(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	plain := closed.Addr().String()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	mute := listen(t, func(net.Conn) {})
	refusal := listen(t, func(c net.Conn) {
		readHead(c)
		_, _ = io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
	})
	via := func(proxy string) *transport.DirectOptions {
		return &transport.DirectOptions{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxy, User: url.UserPassword("u", "secret")})}
	}
	for _, tt := range []struct {
		what      string
		opts      *transport.DirectOptions
		url       string
		permanent bool
	}{
		{"connection refused", nil, "http://" + plain + "/?token=secret", false},
		{"no such host", dialError(&net.DNSError{Err: "no such host", Name: "x.invalid", IsNotFound: true}), "http://x.invalid/?token=secret", true},
		{"resolver down", dialError(&net.DNSError{Err: "server misbehaving", Name: "x.invalid", IsTemporary: true}), "http://x.invalid/", false},
		{"dialer returns nothing", &transport.DirectOptions{
			DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, nil }}, "http://x.invalid/", false},
		{"port out of range", nil, "http://127.0.0.1:99999/?token=secret", true},
		{"dial error with a URL", dialError(errors.New(`no route to "https://u:secret@host/?a=secret"`)), "http://x.invalid/", false},
		{"untrusted certificate", &transport.DirectOptions{TLSConfig: &tls.Config{}}, secure.URL, true},
		{"certificate refused by the user", &transport.DirectOptions{TLSConfig: &tls.Config{
			InsecureSkipVerify: true,
			VerifyConnection:   func(tls.ConnectionState) error { return errors.New("not pinned") },
		}}, secure.URL, true},
		{"peer leaves the TLS handshake", nil, "https://" + mute, false},
		{"proxy refuses connections", via(plain), "http://upstream.invalid/?token=secret", false},
		{"proxy refuses CONNECT", via(refusal), "https://upstream.invalid/?token=secret", false},
		{"proxy function fails", &transport.DirectOptions{Proxy: func(*http.Request) (*url.URL, error) {
			return nil, errors.New("bad proxy http://u:secret@proxy")
		}}, "http://upstream.invalid/", false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, err := newDirect(t, tt.opts).RoundTrip(newRequest(t, http.MethodPost, tt.url, "hello"))
			requireStage(t, err, transport.NotSent, tt.permanent)
		})
	}
}

func TestInvalidRequestIsPermanent(t *testing.T) {
	d := newDirect(t, nil)
	for what, spoil := range map[string]func(*http.Request){
		"no URL":            func(r *http.Request) { r.URL = nil },
		"no header":         func(r *http.Request) { r.Header = nil },
		"no host":           func(r *http.Request) { r.URL.Host = "" },
		"unknown scheme":    func(r *http.Request) { r.URL.Scheme = "gopher" },
		"header name":       func(r *http.Request) { r.Header["a b"] = []string{"x"} },
		"empty header name": func(r *http.Request) { r.Header[""] = []string{"x"} },
		"header value":      func(r *http.Request) { r.Header.Set("X-Test", "secret\r\nX-Other: y") },
		"header value, DEL": func(r *http.Request) { r.Header.Set("X-Test", "secret\x7f") },
		"trailer":           func(r *http.Request) { r.Trailer = http.Header{"X-Test": {"secret\n"}} },
		"method":            func(r *http.Request) { r.Method = "PO ST" },
		"port not a number": func(r *http.Request) { r.URL.Host = "127.0.0.1:port" },
	} {
		t.Run(what, func(t *testing.T) {
			req := newRequest(t, http.MethodPost, "http://127.0.0.1:1/?token=secret", "hello")
			spoil(req)
			_, err := d.RoundTrip(req)
			requireStage(t, err, transport.NotSent, true)
		})
	}
}

func TestStageAfterTheRequestIsSent(t *testing.T) {
	for what, end := range map[string]func(net.Conn){
		"closed":      func(net.Conn) {},
		"reset":       func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"cut":         func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le") },
		"not HTTP":    func(c net.Conn) { _, _ = io.WriteString(c, "\x15\x03\x01\x00\x02\x02\x50") },
		"long refuse": func(c net.Conn) { _, _ = io.WriteString(c, strings.Repeat("http://h/?token=secret&", 1000)+"\r\n\r\n") },
	} {
		t.Run(what, func(t *testing.T) {
			addr := listen(t, func(c net.Conn) {
				readHead(c)
				end(c)
			})
			_, err := newDirect(t, nil).RoundTrip(newRequest(t, http.MethodPost, "http://"+addr, "hello"))
			requireStage(t, err, transport.MaybeSent, false)
			require.Less(t, len(err.Error()), 2<<10)
		})
	}
}

// If the error of a canceled request says NotSent, the server has not seen the request.
func TestNotSentMeansNotSeenByTheServer(t *testing.T) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		t.Run(protocol, func(t *testing.T) {
			var mu sync.Mutex
			seen := make(map[string]bool)
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				seen[r.Header.Get("X-Number")] = true
			}))
			srv.EnableHTTP2 = protocol == "HTTP2"
			srv.StartTLS()
			d := newDirect(t, &transport.DirectOptions{HTTP1Only: protocol == "HTTP1"})
			errCause := errors.New("canceled on the way")
			stages := make(map[string]transport.Stage)
			for i := range 300 {
				ctx, cancel := context.WithCancelCause(context.Background())
				ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
					GotConn: func(httptrace.GotConnInfo) {
						if i%3 == 0 {
							cancel(errCause)
						}
					},
					WroteHeaders: func() {
						if i%3 == 1 {
							cancel(errCause)
						}
					},
				})
				number := strconv.Itoa(i)
				req := newRequest(t, http.MethodPost, srv.URL, "hello").WithContext(ctx)
				req.Header.Set("X-Number", number)
				if resp, err := d.RoundTrip(req); err == nil {
					require.NoError(t, resp.Body.Close())
				} else {
					require.ErrorIs(t, err, errCause)
					require.ErrorIs(t, err, context.Canceled)
					stages[number] = transport.StageOf(err)
				}
				cancel(nil)
			}
			srv.Close() // Close waits for the last handler
			for number, stage := range stages {
				if stage == transport.NotSent {
					require.False(t, seen[number], "request %s", number)
				}
			}
		})
	}
}

func TestCallersTraceIsCalled(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	var events []string
	ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
		GetConn: func(string) { events = append(events, "get") },
		GotConn: func(i httptrace.GotConnInfo) { events = append(events, fmt.Sprintf("got, reused %t", i.Reused)) },
	})
	d := newDirect(t, nil)
	for range 2 {
		resp, err := d.RoundTrip(newRequest(t, http.MethodPost, srv.URL, "hello").WithContext(ctx))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"get", "got, reused false", "get", "got, reused true"}, events)
}

func TestOptionsAreCopied(t *testing.T) {
	cfg := transporttest.TLSConfig()
	cfg.VerifyConnection = func(tls.ConnectionState) error { return nil }
	opts := transport.DirectOptions{TLSConfig: cfg, HTTP1Only: true}
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	d := transport.NewDirect(&opts)
	opts.TLSConfig = nil
	cfg.VerifyConnection = func(tls.ConnectionState) error { return errors.New("set too late") }
	resp, err := d.RoundTrip(newRequest(t, http.MethodGet, srv.URL, ""))
	require.NoError(t, err)
	require.Equal(t, 1, resp.ProtoMajor)
	require.Empty(t, cfg.NextProtos, "the caller's configuration is not changed")
	require.NoError(t, d.Close())
}
