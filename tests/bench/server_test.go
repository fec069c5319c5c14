package bench_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// server implements HTTP/1.1 on loopback without allocations, so every allocation in the process is
// made by a client.
type server struct {
	url      string
	listener net.Listener
	group    sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{} // guarded by mu
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	s := &server{url: "http://" + listener.Addr().String() + "/mcp", listener: listener, conns: make(map[net.Conn]struct{})}
	s.group.Go(s.accept)
	tb.Cleanup(s.close)
	return s
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.group.Go(func() { serve(conn) })
	}
}

func (s *server) close() {
	_ = s.listener.Close()
	s.mu.Lock()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.group.Wait()
}

// serve answers the requests of one connection until it ends.
func serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReaderSize(conn, 64<<10)
	var message, body, out []byte
	for {
		verb, length, err := readHead(in)
		if err != nil {
			return
		}
		if cap(message) < length {
			message = make([]byte, length)
		}
		message = message[:length]
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		switch verb {
		case 'P':
			r := answer(body, message)
			body = r.body
			out = appendResponse(out[:0], r)
		case 'D':
			out = append(out[:0], "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"...)
		default:
			out = append(out[:0], "HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n"...)
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

var lengthKey = []byte("Content-Length: ") // as net/http writes it

func readHead(in *bufio.Reader) (verb byte, length int, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		if len(line) == 2 {
			return verb, length, nil
		}
		if verb == 0 {
			verb = line[0]
		}
		if rest, ok := bytes.CutPrefix(line, lengthKey); ok {
			for _, c := range rest[:len(rest)-2] {
				length = 10*length + int(c-'0')
			}
		}
	}
}

func appendResponse(b []byte, r reply) []byte {
	if r.none {
		return append(b, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"...)
	}
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: "...)
	if r.stream {
		b = append(b, "text/event-stream\r\n"...)
	} else {
		b = append(b, "application/json\r\n"...)
	}
	if r.session {
		b = append(b, "Mcp-Session-Id: s-1\r\n"...)
	}
	if !r.unknown {
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		return append(append(b, "\r\n\r\n"...), r.body...)
	}
	b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
	b = strconv.AppendInt(b, int64(len(r.body)), 16)
	b = append(append(b, "\r\n"...), r.body...)
	return append(b, "\r\n0\r\n\r\n"...)
}
