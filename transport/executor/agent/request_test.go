package agent

import (
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// headers makes the headers of a request out of name and value pairs.
func headers(pairs ...string) []map[string]string {
	list := []map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, map[string]string{"name": pairs[i], "value": pairs[i+1]})
	}
	return list
}

func TestRefusedParameters(t *testing.T) {
	p := get(upstream+"/", "a")
	without := func(name string) params {
		q := maps.Clone(p)
		delete(q, name)
		return q
	}
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		for _, c := range []struct {
			p    params
			text string
		}{
			{without("method"), "missing field `method`"},
			{without("url"), "missing field `url`"},
			{without("requestId"), "missing field `requestId`"},
			{p.with("requestId", strings.Repeat("x", 257)), "requestId"},
			{p.with("requestId", 7), "expected string"},
			{p.with("method", ""), "http/request method is invalid: invalid HTTP method"},
			{p.with("method", "GET /"), "http/request method is invalid: invalid HTTP method"},
			{p.with("method", "CONNECT"), "http/request method is invalid"},
			{p.with("method", "Trace"), "http/request method is invalid"},
			{p.with("url", "/x?secret"), "http/request url is invalid: relative URL without a base"},
			{p.with("url", "ftp://h/?secret"), "http/request only supports http and https URLs, got ftp"},
			{p.with("url", "http://h\n/?secret"), "http/request url is invalid"},
			{p.with("url", "http:///?secret"), "http/request url is invalid: the URL has no host"},
			{p.with("url", "http:secret"), "http/request url is invalid: the URL has no host"},
			{p.with("url", "http://h:99999/?secret"), "http/request url is invalid: invalid port"},
			{p.with("url", "http://h:0/?secret"), "http/request url is invalid: invalid port"},
			{p.with("headers", nil), "expected array"},
			{p.with("headers", map[string]string{"a": "secret"}), "expected array"},
			{p.with("headers", []map[string]string{{"name": "a"}}), "missing field `value`"},
			{p.with("headers", headers("", "secret")), "http/request header name is invalid: invalid HTTP header name"},
			{p.with("headers", headers("a b", "secret")), "http/request header name is invalid: invalid HTTP header name"},
			{p.with("headers", headers("x-a", "secret\r\nx: y")), "http/request header value is invalid for x-a"},
			{p.with("headers", headers("x-a", "secret\x00")), "http/request header value is invalid for x-a"},
			{p.with("headers", headers("host", "a", "Host", "b")), "http/request header value is invalid for Host"},
			{p.with("headers", headers("host", "a/secret")), "http/request header value is invalid for Host"},
			{p.with("bodyBase64", "secret!"), "bodyBase64"},
			{p.with("bodyBase64", "YQ"), "bodyBase64"},
			{p.with("timeoutMs", -1), "timeoutMs"},
			{p.with("timeoutMs", 1.5), "expected"},
			{p.with("timeoutMs", "1"), "expected"},
			{p.with("redirectPolicy", nil), "expected"},
			{p.with("redirectPolicy", "Follow"), "redirectPolicy"},
			{p.with("streamResponse", "yes"), "expected"},
		} {
			e := w.refused(c.p)
			require.Equal(w.t, -32602, e.Code, "%v", c.p)
			require.Contains(w.t, e.Message, c.text)
			require.NotContains(w.t, e.Message, "secret")
			require.Equal(w.t, "notSent permanent", e.stage())
		}
		require.Equal(w.t, 1, w.net.Dialed(), "only the link was dialed")
		require.Equal(w.t, 200, w.ok(p.with("bodyBase64", nil).with("timeoutMs", nil)).Status, "the id is still free")
		w.body("a")
	})
}

// seen is a request as it looked on the wire.
type seen struct {
	method, url, host, body string
	header                  http.Header
	length                  int64
}

func look(requests chan<- seen) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		requests <- seen{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.ContentLength}
	}
}

func TestRequestsAreSentAsReceived(t *testing.T) {
	requests := make(chan seen, 1)
	inWorld(t, nil, look(requests), func(w *world) {
		w.handshake()
		sent := func(p params) seen {
			w.t.Helper()
			w.ok(p.with("streamResponse", false))
			return <-requests
		}
		const base = upstream

		r := sent(get(base+"/a%20b?q=1#fragment", ""))
		require.Equal(w.t, seen{"GET", "/a%20b?q=1", "127.0.0.1", "", http.Header{}, 0}, r, "nothing is added")

		r = sent(get(base, "").with("method", "get"))
		require.Equal(w.t, "get", r.method, "the method keeps its case")

		r = sent(get(base, "").with("method", "POST").with("bodyBase64", base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))).
			with("headers", headers("content-type", "application/json", "x-a", "1", "X-B", "2", "x-a", "3", "User-Agent", "me",
				"Accept-Encoding", "gzip", "Cookie", "c=d", "x-ü", "")[:6]))
		require.Equal(w.t, `{"a":1}`, r.body)
		require.Equal(w.t, int64(7), r.length)
		require.Equal(w.t, []string{"1", "3"}, r.header["X-A"])
		require.Equal(w.t, []string{"gzip"}, r.header["Accept-Encoding"])
		require.Equal(w.t, []string{"me"}, r.header["User-Agent"])

		r = sent(get(base, "").with("headers", headers("Host", "virtual.example:99", "Connection", "close, X-Gone", "x-gone", "1",
			"Content-Length", "99", "Transfer-Encoding", "chunked", "Upgrade", "websocket", "TE", "trailers", "Trailer", "X",
			"Keep-Alive", "1", "Proxy-Connection", "x", "x-kept", "ü")))
		require.Equal(w.t, "virtual.example:99", r.host)
		require.Equal(w.t, http.Header{"X-Kept": {"ü"}}, r.header)

		r = sent(get("http://me:pa%20ss@127.0.0.1/", ""))
		require.Equal(w.t, "Basic "+base64.StdEncoding.EncodeToString([]byte("me:pa ss")), r.header.Get("Authorization"))
		r = sent(get("HTTP://me:pass@127.0.0.1/", "").with("headers", headers("authorization", "own")))
		require.Equal(w.t, []string{"own"}, r.header["Authorization"])
	})
}

func TestResponseHeaders(t *testing.T) {
	const raw = "HTTP/1.1 418 Teapot\r\nSet-Cookie: s=1\r\nX-Utf: grün\r\nX-Latin: gr\xfcn\r\nset-cookie: t=2\r\nX-Empty:\r\n" +
		"Connection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Encoding: gzip\r\nContent-Length: 14\r\n\r\nno gzip at all"
	inWorld(t, nil, nil, func(w *world) {
		w.serveRaw("127.0.0.1:82", raw)
		w.handshake()
		head := w.ok(get(upstream+":82", "").with("streamResponse", false))
		require.Equal(w.t, 418, head.Status)
		require.Equal(w.t, "no gzip at all", string(head.BodyBase64), "nothing is decoded")
		require.Equal(w.t, []field{
			{"content-encoding", "gzip"}, {"content-length", "14"}, {"set-cookie", "s=1"}, {"set-cookie", "t=2"},
			{"x-empty", ""}, {"x-utf", "grün"},
		}, head.Headers)
	})
}

func TestSwitchingProtocolsHasNoBody(t *testing.T) {
	inWorld(t, nil, nil, func(w *world) {
		w.serveRaw("127.0.0.1:82", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw bytes")
		w.handshake()
		require.Equal(w.t, 101, w.ok(get(upstream+":82", "a")).Status)
		require.Empty(w.t, w.body("a"))
	})
}

// serveRaw answers each connection to addr with raw bytes after the request's header, and closes
// it.
func (w *world) serveRaw(addr, raw string) {
	ln := w.net.Listen(addr)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, raw)
			_ = c.Close()
		}
	}()
	w.t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
}

func TestHeaderNamesAreSorted(t *testing.T) {
	h := http.Header{}
	for _, name := range []string{"B", "a", "C"} {
		h.Set(name, name)
	}
	fields := responseHeaders(h)
	require.True(t, slices.IsSortedFunc(fields, func(a, b execproto.Header) int { return strings.Compare(a.Name, b.Name) }))
}
