package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// upgradeOne accepts one connection and completes its handshake, without the goroutines of a
// server.
func upgradeOne(l net.Listener, upgraded chan<- *websocket.Conn) {
	c, err := l.Accept()
	_ = l.Close()
	if err != nil {
		return
	}
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil {
		return
	}
	conn, err := new(websocket.Upgrader).Upgrade(&hijack{c: c, r: r}, req, nil)
	if err == nil {
		upgraded <- conn
	}
}

type hijack struct {
	http.ResponseWriter

	c net.Conn
	r *bufio.Reader
}

func (h *hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.c, bufio.NewReadWriter(h.r, bufio.NewWriter(h.c)), nil
}

func TestHandshakeRequest(t *testing.T) {
	l, d := networks["loopback"](t)
	asked := make(chan http.Header, 1)
	url := serve(t, l, &d, false, func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header })
	_, err := d.Dial(t.Context(), url, http.Header{"Authorization": {"Bearer token"}})
	var refused *RefusedError
	require.ErrorAs(t, err, &refused)
	header := <-asked
	require.Equal(t, "Bearer token", header.Get("Authorization"))
	require.NotContains(t, header, "Origin")
	require.NotContains(t, header, "Sec-Websocket-Extensions")
	require.NotContains(t, header, "Sec-Websocket-Protocol")
}

func TestRefusedHandshake(t *testing.T) {
	for name, network := range networks {
		for status, text := range map[int]string{
			http.StatusUnauthorized: "missing websocket bearer token",
			http.StatusForbidden:    "",
			http.StatusNotFound:     strings.Repeat("long ", 1000),
			http.StatusOK:           "a web page",
			http.StatusFound:        "elsewhere",
		} {
			l, d := network(t)
			url := serve(t, l, &d, status == http.StatusForbidden, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, text)
			})
			_, err := d.Dial(t.Context(), url, nil)
			var refused *RefusedError
			require.ErrorAs(t, err, &refused, name)
			require.Equal(t, &RefusedError{Status: status, Text: text[:min(len(text), refusalPreview)]}, refused)
			require.EqualError(t, err, fmt.Sprintf("the WebSocket handshake was answered with status %d", status))
		}
	}
}

func TestHandshakeOfAnotherProtocol(t *testing.T) {
	const ok = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for _, reply := range []string{
		"", "SSH-2.0-OpenSSH_9.6\r\n", "HTTP/1.1 101\r\n\r\n", ok + "\r\n", ok + "Sec-WebSocket-Accept: wrong\r\n\r\n",
		strings.Replace(ok, "websocket", "h2c", 1) + "\r\n",
	} {
		n := memnet.New()
		rawServer(t, n.Listen("server:80"), func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, reply)
		})
		_, err := (&Dialer{NetDial: n.DialContext}).Dial(t.Context(), "ws://server/", nil)
		var refused *RefusedError
		require.Error(t, err, reply)
		require.False(t, errors.As(err, &refused), "expected no refusal with an HTTP status: %v", err)
	}
}

func TestEndlessReplyToTheHandshake(t *testing.T) {
	for reply, again := range map[string]string{
		"HTTP/1.1 101 Switching":                       "Protocol",
		"HTTP/1.1 101 Switching Protocols\r\nX: ":      "xxxxxxxx",
		"HTTP/1.1 101 Switching Protocols\r\nA: 1\r\n": "B: abc\r\n",
	} {
		n := memnet.New()
		sent := make(chan int, 1)
		rawServer(t, n.Listen("server:80"), func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, err := io.WriteString(c, reply)
			n := 0
			for ; err == nil; n += 8 {
				_, err = io.WriteString(c, again)
			}
			sent <- n
		})
		_, err := (&Dialer{NetDial: n.DialContext}).Dial(t.Context(), "ws://server:80/", nil)
		require.ErrorIs(t, err, errLongHandshake)
		require.Less(t, <-sent, maxHandshake+2*memnet.DefaultBuffer)
	}
}

// Data directly after the handshake response belongs to the link, not to the handshake.
func TestLimitEndsWithTheHandshake(t *testing.T) {
	onNetworks(t, func(t *testing.T, near *WebSocket, far *websocket.Conn) {
		written := async(func() (err error) {
			for i := 0; i < 2*maxHandshake/largest+2 && err == nil; i++ {
				err = far.WriteMessage(websocket.TextMessage, make([]byte, largest))
			}
			return err
		})
		for range 2*maxHandshake/largest + 2 {
			_, err := near.Receive()
			require.NoError(t, err)
		}
		require.NoError(t, <-written)
	})
}

func TestBadURLs(t *testing.T) {
	for _, url := range []string{"http://h/", "ws://user:secret@h/", "ws://h:port/", "%", "h:80", ""} {
		_, err := new(Dialer).Dial(t.Context(), url, nil)
		require.Error(t, err, url)
	}
}

// The context applies to the dial and the handshake, not to the link afterwards.
func TestDialContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		l := n.Listen("server:80") // no connection is accepted at first, so no handshake response arrives
		for _, stall := range []bool{true, false} {
			n.Stall(stall)
			ctx, cancel := context.WithCancelCause(t.Context())
			dialed := async(func() error {
				_, err := (&Dialer{NetDial: n.DialContext}).Dial(ctx, "ws://server:80/", nil)
				return err
			})
			synctest.Wait()
			require.Empty(t, dialed)
			cancel(errTest)
			require.Equal(t, errTest, <-dialed)
			_, err := (&Dialer{NetDial: n.DialContext, Timeout: time.Second}).Dial(t.Context(), "ws://server:80/", nil)
			require.True(t, errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded), err)
		}
		_, err := (&Dialer{NetDial: n.DialContext}).Dial(canceled(t), "ws://server:80/", nil)
		require.Equal(t, errTest, err)
		require.NoError(t, l.Close())

		upgraded := make(chan *websocket.Conn, 1)
		go upgradeOne(n.Listen("server:80"), upgraded)
		ctx, cancel := context.WithCancel(t.Context())
		near, err := (&Dialer{NetDial: n.DialContext, Timeout: time.Second, MaxMessage: 10}).Dial(ctx, "ws://server:80/", nil)
		require.NoError(t, err)
		cancel()
		time.Sleep(time.Minute)
		far := <-upgraded
		require.NoError(t, far.WriteMessage(websocket.TextMessage, []byte("alive")))
		_, err = near.Receive()
		require.NoError(t, err)
		_, _ = near.Close(), far.NetConn().Close()
	})
}

func TestCertificateIsVerified(t *testing.T) {
	l, d := networks["loopback"](t)
	url := serve(t, l, &d, true, func(http.ResponseWriter, *http.Request) {})
	d.TLS = nil
	_, err := d.Dial(t.Context(), url, nil)
	var verification *tls.CertificateVerificationError
	require.ErrorAs(t, err, &verification)
}
