package transport_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/h2test"
	"github.com/hawser-mcp/hawser/transport"
)

func newRequest(t testing.TB, method, url, body string) *http.Request {
	t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body) // the request gets a GetBody, which lets net/http repeat it
	}
	req, err := http.NewRequestWithContext(context.Background(), method, url, r)
	require.NoError(t, err)
	return req
}

// An HTTP/2 server may reset the stream of a request that it has executed. net/http alone sends
// such a request again, up to seven times. A tool with side effects would run each time.
func TestHTTP2ResetRequestExecutesOnce(t *testing.T) {
	for name, giveUp := range map[string]func(c *h2test.Conn, stream uint32){
		"PROTOCOL_ERROR": func(c *h2test.Conn, stream uint32) { c.Reset(stream, h2test.ProtocolError) },
		"REFUSED_STREAM": func(c *h2test.Conn, stream uint32) { c.Reset(stream, h2test.RefusedStream) },
		"GOAWAY":         func(c *h2test.Conn, _ uint32) { c.GoAway(0) },
	} {
		for _, r := range []struct{ what, method, body string }{
			{"POST", http.MethodPost, "hello"},
			{"POST without body", http.MethodPost, ""},
			{"DELETE", http.MethodDelete, ""},
			{"GET", http.MethodGet, ""},
		} {
			t.Run(name+"/"+r.what, func(t *testing.T) {
				peer := newH2Peer(t, func(c *h2test.Conn, stream uint32, execution int32) {
					if execution == 1 {
						giveUp(c, stream)
						return
					}
					c.Head(stream, h2test.EndStream)
				})
				d := newDirect(t, nil)
				_, err := d.RoundTrip(newRequest(t, r.method, peer.URL, r.body))
				require.Error(t, err)
				require.Equal(t, transport.MaybeSent, transport.StageOf(err))
				require.False(t, transport.IsPermanent(err))
				require.NotErrorIs(t, err, context.Canceled, "the caller did not cancel")
				require.EqualValues(t, 1, peer.executed.Load())

				resp, err := d.RoundTrip(newRequest(t, r.method, peer.URL, r.body))
				require.NoError(t, err, "the transport still works")
				require.Equal(t, http.StatusOK, resp.StatusCode)
				require.NoError(t, resp.Body.Close())
			})
		}
	}
}

// dyingPeer answers the first request of each connection. It reads the second one completely and
// then closes the connection without an answer.
type dyingPeer struct {
	URL      string
	executed atomic.Int32 // requests after the first
	keys     chan string  // the Idempotency-Key of each of them
}

func newDyingPeer(t *testing.T) *dyingPeer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &dyingPeer{URL: "http://" + ln.Addr().String(), keys: make(chan string, 8)}
	var wg sync.WaitGroup
	first := true // used only by the goroutine below
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			fresh := first
			first = false
			wg.Go(func() { defer c.Close(); p.serve(c, fresh) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return p
}

func (p *dyingPeer) serve(c net.Conn, first bool) {
	br := bufio.NewReader(c)
	for n := 0; ; n++ {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if !first || n > 0 {
			p.executed.Add(1)
			p.keys <- req.Header.Get("Idempotency-Key")
		}
		if first && n > 0 {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
}

// If a reused connection fails, net/http repeats any request that has an Idempotency-Key on a new
// connection, although the server may have executed it.
func TestReusedConnectionThatDiesExecutesOnce(t *testing.T) {
	for _, r := range []struct {
		what, method, body string
		executions         int32
	}{
		{"POST", http.MethodPost, "hello", 1},
		{"POST without body", http.MethodPost, "", 1},
		{"DELETE", http.MethodDelete, "", 1},
		{"GET may be repeated", http.MethodGet, "", 2},
	} {
		t.Run(r.what, func(t *testing.T) {
			peer := newDyingPeer(t)
			d := newDirect(t, nil)
			send := func() error {
				req := newRequest(t, r.method, peer.URL, r.body)
				req.Header.Set("Idempotency-Key", "one")
				resp, err := d.RoundTrip(req)
				require.Equal(t, http.Header{"Idempotency-Key": {"one"}}, req.Header)
				if err != nil {
					return err
				}
				return resp.Body.Close()
			}
			require.NoError(t, send())
			err := send()
			require.Equal(t, r.executions, peer.executed.Load())
			require.Equal(t, "one", <-peer.keys, "the header is sent, in any spelling")
			if r.executions > 1 {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			require.Equal(t, transport.MaybeSent, transport.StageOf(err))
			require.NotErrorIs(t, err, io.EOF)
		})
	}
}
