package streamablehttp

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// once declares that it sends each request at most once, so Conn adds no replay guard.
type once struct{ http.RoundTripper }

func (once) RunsOnce() bool { return true }

// GetBody returns the body until a connection is taken and again after the first response byte. In
// between it fails, because the request may have been sent.
func TestReplayGuard(t *testing.T) {
	var allowed []bool
	rt := roundTripper(func(req *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		ask := func() {
			body, err := req.GetBody()
			if err == nil {
				data, err := io.ReadAll(body)
				require.NoError(t, err)
				require.Equal(t, toolCall().Body, data)
			}
			allowed = append(allowed, err == nil)
		}
		ask()
		trace.GetConn("server:80")
		ask() // while dialing
		trace.GotConn(httptrace.GotConnInfo{})
		ask()
		trace.GotFirstResponseByte()
		ask()
		trace.GetConn("server:80") // authorization sends it again
		ask()
		trace.GotConn(httptrace.GotConnInfo{Reused: true})
		ask()
		trace.GotFirstResponseByte()
		ask()
		return answerAny(req), nil
	})
	c := newConn(t, rt)
	for range 2 { // each request has its own guard
		allowed = nil
		require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
		require.Equal(t, []bool{true, true, false, true, true, false, true}, allowed)
	}
}

// An interim response shows that the server has the request, so it must not be replayed.
func TestReplayGuardAfterInterimResponse(t *testing.T) {
	c := newConn(t, roundTripper(func(req *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(req.Context())
		trace.GotConn(httptrace.GotConnInfo{})
		trace.GotFirstResponseByte()
		if trace.Got1xxResponse != nil {
			require.NoError(t, trace.Got1xxResponse(http.StatusEarlyHints, textproto.MIMEHeader{}))
		}
		_, err := req.GetBody()
		require.Error(t, err)
		return answerAny(req), nil
	}))
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
}

// A RoundTripper that sends each request at most once has no guard and no overhead from it.
func TestNoReplayGuard(t *testing.T) {
	c := newConn(t, once{roundTripper(func(req *http.Request) (*http.Response, error) {
		require.Nil(t, httptrace.ContextClientTrace(req.Context()))
		return answerAny(req), nil
	})})
	require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
}

// listen serves connections on loopback, each with serve, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	return ln.Addr().String()
}

// killsSecond is an HTTP/1 server that answers the first request of a connection, and closes it
// after reading the second.
func killsSecond(executed *atomic.Int64) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		for range 2 {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
			if executed.Add(1) == 2 {
				return // the second request of the test, on the first connection
			}
			resp := text(http.StatusOK, typeJSON, answer)
			resp.ContentLength = int64(len(answer))
			_ = resp.Write(conn)
		}
	}
}

// Without the guard, net/http resends a POST with an Idempotency-Key when its connection is lost,
// even if it ran.
func TestNetHTTPDoesNotRunARequestTwice(t *testing.T) {
	run := func(wrap func(http.RoundTripper) http.RoundTripper) (int64, error) {
		var executed atomic.Int64
		addr := listen(t, killsSecond(&executed))
		rt := &http.Transport{}
		defer rt.CloseIdleConnections()
		c, err := New("http://"+addr+"/mcp", Config{RoundTripper: wrap(rt), Header: http.Header{"Idempotency-Key": {"1"}}})
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.do(t.Context(), c.legacy(), new(heard)))
		err = c.do(t.Context(), c.legacy(), new(heard))
		return executed.Load() - 1, err
	}
	executed, err := run(func(rt http.RoundTripper) http.RoundTripper { return rt })
	requireCut(t, err)
	require.EqualValues(t, 1, executed)

	executed, err = run(func(rt http.RoundTripper) http.RoundTripper { return once{rt} })
	require.NoError(t, err)
	require.EqualValues(t, 2, executed, "without the guard the request must run twice, or the test proves nothing")
}

// Frames of HTTP/2 (RFC 9113, section 6).
const (
	frameData, frameHeaders, frameReset, frameSettings = 0, 1, 3, 4

	flagEnd, flagAck, flagEndHeaders = 1, 1, 4
	protocolError                    = 1
)

func writeFrame(w io.Writer, kind, flags byte, stream uint32, payload string) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	head = binary.BigEndian.AppendUint32(append(head, flags), stream)
	_, _ = io.WriteString(w, string(head)+payload)
}

// resets is an HTTP/2 server that reads whole requests and resets their streams, optionally after
// an interim response.
func resets(executed *atomic.Int64, interim bool) func(net.Conn) {
	return func(conn net.Conn) {
		in := bufio.NewReader(conn)
		if _, err := in.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")); err != nil {
			return
		}
		writeFrame(conn, frameSettings, 0, 0, "")
		head := make([]byte, 9)
		for {
			if _, err := io.ReadFull(in, head); err != nil {
				return
			}
			kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])
			if _, err := in.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2])); err != nil {
				return
			}
			switch {
			case kind == frameSettings && flags&flagAck == 0:
				writeFrame(conn, frameSettings, flagAck, 0, "")
			case (kind == frameData || kind == frameHeaders) && flags&flagEnd != 0:
				if executed.Add(1) > 5 {
					return
				}
				if interim {
					writeFrame(conn, frameHeaders, flagEndHeaders, stream, "\x08\x03103") // :status 103
				}
				writeFrame(conn, frameReset, 0, stream, string(binary.BigEndian.AppendUint32(nil, protocolError)))
			}
		}
	}
}

// Over HTTP/2, net/http resends a request after a reset that it treats as a refusal.
func TestNetHTTP2DoesNotRunARequestTwice(t *testing.T) {
	for _, row := range []struct {
		name             string
		interim, guarded bool
	}{
		{"reset", false, true},
		{"reset after an interim response", true, true},
		{"no guard", false, false},
	} {
		var executed atomic.Int64
		addr := listen(t, resets(&executed, row.interim))
		rt := &http.Transport{Protocols: new(http.Protocols)}
		rt.Protocols.SetUnencryptedHTTP2(true)
		var wrapped http.RoundTripper = rt
		if !row.guarded {
			wrapped = once{rt}
		}
		c, err := New("http://"+addr+"/mcp", Config{RoundTripper: wrapped})
		require.NoError(t, err)
		err = c.do(t.Context(), c.legacy(), new(heard))
		c.Close()
		rt.CloseIdleConnections()
		require.Equal(t, transport.MaybeSent, transport.StageOf(err), "%s: %v", row.name, err)
		if row.guarded {
			require.EqualValues(t, 1, executed.Load(), row.name)
		} else {
			require.Greater(t, executed.Load(), int64(1), "%s: the request must run twice, or the test proves nothing", row.name)
		}
	}
}
