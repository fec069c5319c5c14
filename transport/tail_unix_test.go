//go:build unix && !aix

package transport

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answerRaw returns the body of a response whose bytes are head and, once all data was read, tail.
func answerRaw(t *testing.T, wrap func(net.Conn) net.Conn, head, tail string, data int) *responseBody {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = ln.Close() })
	read := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		in := bufio.NewReader(nc)
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(nc, head)
		<-read
		_, _ = io.WriteString(nc, tail)
		_, _ = in.ReadByte() // until the client closes
		_ = nc.Close()
	}()
	d := NewDirect(&DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return wrap(nc), nil
	}})
	t.Cleanup(func() {
		require.NoError(t, d.Close())
		<-done
	})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String(), http.NoBody)
	require.NoError(t, err)
	resp, err := d.RoundTrip(req)
	require.NoError(t, err)
	_, err = io.ReadFull(resp.Body, make([]byte, data))
	require.NoError(t, err)
	b := resp.Body.(*responseBody)
	require.False(t, b.Ending(), "nothing has arrived yet")
	close(read)
	return b
}

const chunkedHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

func bare(nc net.Conn) net.Conn { return nc }

// Ending sees the end of a chunked body in the socket, after the data or after its line break. Read
// then returns without waiting.
func TestEndingOfABody(t *testing.T) {
	for _, test := range []struct {
		head, tail string
		err        error // of the Read after the data
	}{
		{chunkedHead + "3\r\nabc", "\r\n0\r\n\r\n", io.EOF},
		{chunkedHead + "3\r\nabc\r\n", "0\r\n\r\n", io.EOF},
		{chunkedHead + "10\r\nabc", "\r\n0\r\n\r\n", nil}, // data that looks like the end
	} {
		b := answerRaw(t, bare, test.head, test.tail, 3)
		require.Eventually(t, b.Ending, 10*time.Second, time.Millisecond)
		require.True(t, b.Ending(), "nothing was taken from the socket")
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, test.err, err)
		require.Equal(t, err == io.EOF, b.Ending(), "after the end, too")
		require.NoError(t, b.Close())
	}
}

// wrapped hides the socket: what it reads may differ from what the socket receives.
type wrapped struct{ net.Conn }

// Ending is false as long as a Read might wait: the peer may never send the rest.
func TestEndingIsFalseIfAReadMightWait(t *testing.T) {
	for _, test := range []struct {
		wrap       func(net.Conn) net.Conn
		head, tail string
	}{
		{bare, chunkedHead + "3\r\nabc", "\r\n"},
		{bare, chunkedHead + "3\r\nabc", "\r\n0"},
		{bare, chunkedHead + "3\r\nabc", "\r\n0\r\n"},
		{bare, chunkedHead + "3\r\nabc", "\r\n0\r\na: b\r\n\r\n"}, // a trailer
		{bare, chunkedHead + "3\r\nabc", "\r\n1\r\nx"},
		{bare, chunkedHead + "3\r\nabc", "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"}, // an answer to no request
		{func(nc net.Conn) net.Conn { return wrapped{nc} }, chunkedHead + "3\r\nabc", "\r\n0\r\n\r\n"},
	} {
		b := answerRaw(t, test.wrap, test.head, test.tail, 3)
		probe := newTail(b.conn.Conn)
		if probe == nil {
			probe = newTail(b.conn.Conn.(wrapped).Conn)
		}
		require.Eventually(t, func() bool {
			require.NoError(t, probe.sys.Control(probe.look))
			return probe.n == min(len(test.tail), len(probe.b))
		}, 10*time.Second, time.Millisecond)
		require.False(t, b.Ending(), "%q", test.tail)
		require.NoError(t, b.Close())
	}
}
