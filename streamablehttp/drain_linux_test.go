package streamablehttp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// pausing is a Receiver that calls pause while it decodes the result.
type pausing struct {
	heard

	pause func()
}

func (p *pausing) DecodeResult(data []byte) (int, error) {
	p.pause()
	return p.heard.DecodeResult(data)
}

// serveChunks accepts connections and answers each request with the answer in one chunk. It sends
// tail after each value from next, and then closes nothing.
func serveChunks(t *testing.T, tail string, next <-chan struct{}) (addr string, accepted func() int) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ln.Close()) })
	opened := make(chan struct{}, 1000)
	event := "data: " + answer + "\n:" + strings.Repeat(" ", 10<<10) + "\n\n" // more than net/http reads ahead
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	serve := func(nc net.Conn) {
		defer func() { _ = nc.Close() }()
		in := bufio.NewReader(nc)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprintf(nc, "%s%x\r\n%s", head, len(event), event)
			<-next
			_, _ = io.WriteString(nc, tail)
		}
	}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			opened <- struct{}{}
			go serve(nc)
		}
	}()
	return ln.Addr().String(), func() int { return len(opened) }
}

// arrived waits until the socket has n bytes.
func arrived(t *testing.T, nc *net.TCPConn, n int) {
	sys, err := nc.SyscallConn()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		got := 0
		require.NoError(t, sys.Control(func(fd uintptr) {
			got, _, _ = syscall.Recvfrom(int(fd), make([]byte, n+1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}))
		return got == n
	}, 10*time.Second, time.Millisecond)
}

// The end of a stream that arrives after all data was read, but before the call is over, is read by
// the call. So calls one after the other use one connection. Without the end, the call waits no
// longer than for its answer.
func TestCallsUseOneConnectionIfTheirStreamsEnd(t *testing.T) {
	const calls = 50
	for tail, ends := range map[string]bool{"\r\n0\r\n\r\n": true, "\r\n0\r\n": false, "\r\n": false, "\r\n3\r\n:\n\n": false} {
		next := make(chan struct{})
		addr, accepted := serveChunks(t, tail, next)
		var last *net.TCPConn
		rt := transport.NewDirect(&transport.DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, addr)
			if err == nil {
				last = nc.(*net.TCPConn)
			}
			return nc, err
		}})
		c := newConn(t, rt)
		recv := &pausing{pause: func() {
			next <- struct{}{}
			arrived(t, last, len(tail))
		}}
		for range calls {
			require.NoError(t, c.do(t.Context(), c.legacy(), recv))
			require.Equal(t, ends, c.drain.queue == nil, "%q: read by the call", tail)
			if !ends {
				break
			}
		}
		require.Equal(t, 1, accepted(), "%q", tail)
		c.Close()
		require.NoError(t, rt.Close())
	}
}
