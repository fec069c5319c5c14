package memnet

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// overHTTP runs a test in a bubble with an http.Server and an http.Transport that a Network
// connects.
func overHTTP(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, n *Network, client *http.Transport)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := New()
		ln := n.Listen("server:80")
		server := &http.Server{Handler: handler}
		served := make(chan error, 1)
		go func() { served <- server.Serve(ln) }()
		client := &http.Transport{DialContext: n.DialContext}
		t.Cleanup(func() {
			client.CloseIdleConnections()
			require.NoError(t, server.Close())
			require.ErrorIs(t, <-served, http.ErrServerClosed)
			time.Sleep(time.Minute) // of fake time: the server lingers before it closes
			synctest.Wait()
			require.Zero(t, n.Conns(), "both ends of all connections are closed")
		})
		test(t, n, client)
	})
}

func get(t *testing.T, client *http.Transport) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server/", nil)
	require.NoError(t, err)
	return client.RoundTrip(req)
}

func TestHTTPRequest(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // read first; otherwise the server closes the connection
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(body)
	}
	overHTTP(t, echo, func(t *testing.T, n *Network, client *http.Transport) {
		t.Helper()
		for _, body := range []string{"hello", strings.Repeat("large ", 100_000), ""} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server/", strings.NewReader(body))
			require.NoError(t, err)
			resp, err := client.RoundTrip(req)
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, body, string(got))
		}
		require.Equal(t, 1, n.Dialed(), "the connection is reused")
		require.Equal(t, 1, n.Accepted())
	})
}

func TestHTTPStream(t *testing.T) {
	next := make(map[string]chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		for _, event := range []string{"one\n", "two\n"} {
			<-next[event]
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	}
	overHTTP(t, handler, func(t *testing.T, _ *Network, client *http.Transport) {
		t.Helper()
		next["one\n"], next["two\n"] = make(chan struct{}), make(chan struct{})
		close(next["one\n"])
		resp, err := get(t, client)
		require.NoError(t, err)
		lines := bufio.NewReader(resp.Body)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "one\n", line, "it arrives before the second is written")
		close(next["two\n"])
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "two\n", line)
		_, err = lines.ReadString('\n')
		require.Equal(t, io.EOF, err)
		require.NoError(t, resp.Body.Close())
	})
}

// halfAndWait writes a part of a body and then waits until the client disconnects.
func halfAndWait(w http.ResponseWriter, r *http.Request) {
	_, _ = io.WriteString(w, "half")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func TestHTTPBodyIsCut(t *testing.T) {
	overHTTP(t, halfAndWait, func(t *testing.T, n *Network, client *http.Transport) {
		t.Helper()
		resp, err := get(t, client)
		require.NoError(t, err)
		synctest.Wait()
		n.CutAll()
		got, err := io.ReadAll(resp.Body)
		require.Equal(t, "half", string(got))
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, resp.Body.Close())
	})
}

func TestHTTPBodyIsReset(t *testing.T) {
	overHTTP(t, halfAndWait, func(t *testing.T, n *Network, client *http.Transport) {
		t.Helper()
		resp, err := get(t, client)
		require.NoError(t, err)
		require.Len(t, n.Links(), 1)
		n.Links()[0].Reset()
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, resp.Body.Close())
	})
}

func TestHTTPRefused(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	overHTTP(t, ok, func(t *testing.T, n *Network, client *http.Transport) {
		t.Helper()
		n.Refuse(true)
		_, err := get(t, client)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		n.Refuse(false)
		resp, err := get(t, client)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	})
}

func TestHTTPTimeoutOnASilentLink(t *testing.T) {
	ok := func(http.ResponseWriter, *http.Request) {}
	overHTTP(t, ok, func(t *testing.T, n *Network, client *http.Transport) {
		t.Helper()
		client.ResponseHeaderTimeout = time.Minute
		resp, err := get(t, client)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		synctest.Wait()
		n.SilenceAll() // the idle connection is broken, but no end has noticed
		start := time.Now()
		_, err = get(t, client)
		require.ErrorContains(t, err, "timeout awaiting response headers")
		require.Equal(t, time.Minute, time.Since(start))
		require.Equal(t, 1, n.Dialed())
		n.CutAll()
	})
}

// If the server stops reading, the client's upload stops.
func TestHTTPBackPressure(t *testing.T) {
	var release chan struct{}
	handler := func(_ http.ResponseWriter, r *http.Request) {
		<-release
		_, _ = io.Copy(io.Discard, r.Body)
	}
	overHTTP(t, handler, func(t *testing.T, _ *Network, client *http.Transport) {
		t.Helper()
		release = make(chan struct{})
		body := &counted{left: 10 << 20}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://server/", body)
		require.NoError(t, err)
		done := async(func() (int, error) {
			resp, err := client.RoundTrip(req)
			if err != nil {
				return 0, err
			}
			return resp.StatusCode, resp.Body.Close()
		})
		synctest.Wait()
		require.Less(t, body.read, 3*DefaultBuffer, "the rest waits")
		close(release)
		require.Equal(t, result{http.StatusOK, nil}, <-done)
		require.Equal(t, 10<<20, body.read)
	})
}

// counted is a body that counts the bytes read from it.
type counted struct{ left, read int }

func (c *counted) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), c.left)
	c.left -= n
	c.read += n
	return n, nil
}

// A client that ends its request with a half-close still gets the response.
func TestHTTPHalfClose(t *testing.T) {
	slow := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(w, "got "+string(body))
	}
	overHTTP(t, slow, func(t *testing.T, n *Network, _ *http.Transport) {
		t.Helper()
		c, err := n.DialContext(t.Context(), "tcp", "server:80")
		require.NoError(t, err)
		_, err = io.WriteString(c, "POST / HTTP/1.0\r\nHost: server\r\nContent-Length: 2\r\n\r\nhi")
		require.NoError(t, err)
		require.NoError(t, c.(*Conn).CloseWrite())
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, strings.HasSuffix(string(answer), "got hi"), string(answer))
		require.NoError(t, c.Close())
	})
}

// An idle connection breaks, the next request is written without an error, and only reading the
// response fails. net.Pipe cannot reproduce this.
func TestHTTPWriteToABrokenLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		client, server := pair(t, n)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://server/", nil)
		require.NoError(t, err)
		server.Cut()
		require.NoError(t, req.Write(client))
		_, err = bufio.NewReader(client).Peek(1) // of the response
		require.ErrorIs(t, err, syscall.ECONNRESET)
	})
}
