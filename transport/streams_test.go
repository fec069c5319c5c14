package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// firstRead is a connection that notes how much room its first Read had.
type firstRead struct {
	net.Conn
	room *atomic.Int64
}

func (c firstRead) Read(p []byte) (int, error) {
	c.room.CompareAndSwap(0, int64(len(p)))
	return c.Conn.Read(p)
}

// streamRequests are the requests whose responses are streams that stay open.
var streamRequests = map[string]func(t *testing.T, url string) *http.Request{
	"GET": func(t *testing.T, url string) *http.Request {
		req := newRequest(t, http.MethodGet, url, "")
		req.Header.Set("Accept", "text/event-stream")
		return req
	},
	"subscriptions/listen": func(t *testing.T, url string) *http.Request {
		req := newRequest(t, http.MethodPost, url, "{}")
		req.Header.Set("Mcp-Method", "subscriptions/listen")
		return req
	},
}

// The connection of a stream has small buffers: thousands of them are read for hours.
func TestStreamsHaveSmallBuffers(t *testing.T) {
	url, _ := newEcho(t, "HTTP1")
	room := func(req *http.Request) int64 {
		var got atomic.Int64
		d := newDirect(t, &transport.DirectOptions{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, addr)
			return firstRead{c, &got}, err
		}})
		resp, err := d.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return got.Load()
	}
	for name, request := range streamRequests {
		require.EqualValues(t, 1<<10, room(request(t, url)), name)
	}
	call := newRequest(t, http.MethodPost, url, "{}")
	call.Header.Set("Mcp-Method", "tools/call")
	call.Header.Set("Accept", "application/json, text/event-stream")
	require.EqualValues(t, 4<<10, room(call))
}

// The connections of streams that ended are not kept, so the limits of idle connections hold.
func TestConnectionsOfStreamsAreNotKept(t *testing.T) {
	url, accepted := newEcho(t, "HTTP1")
	d := newDirect(t, nil)
	send := func(req *http.Request) {
		resp, err := d.RoundTrip(req)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		require.NoError(t, err)
	}
	for range 2 {
		for _, request := range streamRequests {
			send(request(t, url))
		}
	}
	require.EqualValues(t, 4, accepted.Load())
	for range 3 {
		send(newRequest(t, http.MethodPost, url, "hello"))
	}
	require.EqualValues(t, 5, accepted.Load(), "calls share a connection")
}

// Close ends streams, whatever connections they have.
func TestCloseEndsStreams(t *testing.T) {
	for name, request := range streamRequests {
		for _, scheme := range []string{"http", "https over HTTP/1.1"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/" {
						return
					}
					w.(http.Flusher).Flush()
					<-r.Context().Done()
				}))
				if scheme == "http" {
					srv.Start()
				} else {
					srv.StartTLS()
				}
				defer srv.Close()
				d := newDirect(t, nil)
				resp, err := d.RoundTrip(newRequest(t, http.MethodPost, srv.URL+"/", "decides the protocol"))
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				resp, err = d.RoundTrip(request(t, srv.URL+"/stream"))
				require.NoError(t, err)
				require.NoError(t, d.Close())
				_, err = resp.Body.Read(make([]byte, 1))
				requireStage(t, err, transport.MaybeSent, true)
				require.ErrorIs(t, err, transport.ErrClosed)
			})
		}
	}
}
