package mcpclient_test

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

// plain is a minimal MCP server for connections that must break in ways that net/http's server does
// not support. It executes every request that arrives completely, and counts the executions.
type plain struct {
	mu       sync.Mutex
	executed []mcptest.Message
	failed   bool // whether the one request that should fail has failed
}

// execute handles one complete request. If fail is true, the connection must break instead of
// answering. Otherwise answer is the response body; an empty answer means a 202.
func (p *plain) execute(body []byte, fails string) (fail bool, answer []byte) {
	var m mcptest.Message
	if len(body) == 0 || json.Unmarshal(body, &m) != nil {
		return false, nil // a DELETE
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.executed = append(p.executed, m)
	if m.Method == fails && !p.failed {
		p.failed = true
		return true, nil
	}
	server := map[string]any{"name": "plain", "version": "1"}
	switch m.Method {
	case "server/discover":
		return false, mcptest.Result(m.ID, map[string]any{
			"resultType": "complete", "supportedVersions": []string{"2026-07-28"}, "capabilities": map[string]any{"tools": map[string]any{}},
			"_meta": map[string]any{"io.modelcontextprotocol/serverInfo": server},
		})
	case "initialize":
		return false, mcptest.Result(m.ID, map[string]any{
			"protocolVersion": "2025-11-25", "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": server,
		})
	case "tools/list", "tools/call":
		return false, []byte(answerTo(&m))
	}
	return false, nil
}

// ids returns the request IDs of all executions of a method.
func (p *plain) ids(method string) (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.executed {
		if m.Method == method {
			ids = append(ids, string(m.ID))
		}
	}
	return ids
}

// listenAndServe serves each connection on a goroutine until the test ends.
func listenAndServe(t *testing.T, ln net.Listener, serve func(c net.Conn)) {
	t.Helper()
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
}

// resetting serves HTTP/2. It executes one request and then resets the request's stream with code,
// an error code of RFC 9113, section 7.
func resetting(code uint32) func(t *testing.T, p *plain, method string) (url string) {
	return func(t *testing.T, p *plain, method string) string {
		t.Helper()
		borrowed := httptest.NewTLSServer(http.NotFoundHandler())
		certificates := borrowed.TLS.Certificates
		borrowed.Close()
		ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}})
		require.NoError(t, err)
		listenAndServe(t, ln, func(c net.Conn) { p.serveHTTP2(c, method, code) })
		return "https://" + ln.Addr().String() + "/mcp"
	}
}

func (p *plain) serveHTTP2(c net.Conn, method string, code uint32) {
	const data, headers, reset, settings, ack, end, endHeaders = 0, 1, 3, 4, 1, 1, 4
	frame := func(kind, flags byte, stream uint32, payload []byte) {
		head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
		head = binary.BigEndian.AppendUint32(append(head, flags), stream)
		_, _ = c.Write(append(head, payload...))
	}
	in := bufio.NewReader(c)
	if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
		return
	}
	frame(settings, 0, 0, nil)
	bodies := map[uint32][]byte{}
	head := make([]byte, 9)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(in, payload); err != nil {
			return
		}
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
		if kind == settings && flags&ack == 0 {
			frame(settings, ack, 0, nil)
		}
		if kind == data {
			bodies[stream] = append(bodies[stream], payload...)
		}
		if kind != data && kind != headers || flags&end == 0 {
			continue
		}
		fail, answer := p.execute(bodies[stream], method)
		switch {
		case fail:
			frame(reset, 0, stream, binary.BigEndian.AppendUint32(nil, code))
		case answer == nil:
			frame(headers, endHeaders|end, stream, []byte("\x08\x03202")) // :status, index 8 of HPACK's static table
		default: // :status 200, index 8; content-type, index 31
			frame(headers, endHeaders, stream, []byte("\x88\x0f\x10\x10application/json"))
			frame(data, end, stream, answer)
		}
	}
}

// dying serves HTTP/1. It executes one request on a reused connection and then closes the
// connection.
func dying(t *testing.T, p *plain, method string) (url string) {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listenAndServe(t, ln, func(c net.Conn) {
		in := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			fail, answer := p.execute(body, method)
			if fail {
				return
			}
			rec := httptest.NewRecorder()
			if rec.Code = http.StatusAccepted; answer != nil {
				mcptest.WriteJSON(rec, http.StatusOK, answer)
			}
			resp := rec.Result()
			resp.ContentLength = int64(len(answer))
			_ = resp.Write(c)
		}
	})
	return "http://" + ln.Addr().String() + "/mcp"
}

// A connection fails after the server has executed a request. net/http alone would send the request
// again, up to seven times. In this client, only the retry table repeats a list request, and
// nothing repeats a tool call.
func TestNothingBelowRepeatsARequest(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T, p *plain, method string) (url string){
		"HTTP2 PROTOCOL_ERROR": resetting(1),
		"HTTP2 REFUSED_STREAM": resetting(7),
		"reused HTTP1 dies":    dying,
	} {
		for _, version := range []string{"2025-11-25", "2026-07-28"} {
			for method, executions := range map[string]int{"tools/list": 2, "tools/call": 1} {
				t.Run(name+"/"+version+"/"+method, func(t *testing.T) {
					var p plain
					direct := transport.NewDirect(&transport.DirectOptions{TLSConfig: transporttest.TLSConfig(), NoProxy: true})
					defer direct.Close()
					s, err := connectTo(t.Context(), serve(t, &p, method), &mcpclient.Options{
						Transport: direct, ProtocolVersion: version,
						Header: http.Header{"Idempotency-Key": {"one"}}, // which allows net/http to repeat the request
					})
					require.NoError(t, err)
					defer func() { require.NoError(t, s.Close()) }()
					if method == "tools/list" {
						_, err = s.ListTools(t.Context(), nil)
						require.NoError(t, err)
					} else {
						_, err = s.CallTool(t.Context(), "charge", nil)
						e := failure(t, err)
						require.Equal(t, mcpclient.KindOutcomeUnknown, e.Kind, "%v", err)
						require.Equal(t, transport.MaybeSent, e.Stage)
						require.Equal(t, mcpclient.Unknown, e.Outcome)
						require.Equal(t, 1, e.Tries)
					}
					ids := p.ids(method)
					require.Len(t, ids, executions)
					slices.Sort(ids)
					require.Len(t, slices.Compact(ids), executions, "each of our tries has a new ID")
					_, err = s.CallTool(t.Context(), "charge", nil)
					require.NoError(t, err, "the session still works")
				})
			}
		}
	}
}
