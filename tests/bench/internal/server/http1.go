package server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// Whole responses that do not depend on the request.
var (
	accepted = []byte("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
	deleted  = []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	noStream = []byte("HTTP/1.1 405 Method Not Allowed\r\nAllow: POST\r\nContent-Length: 0\r\n\r\n")
	badReply = []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	// opened begins a stream that stays open.
	opened = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n: hi\n\r\n")
)

const sessionID = "s-1"

// maxMessage bounds a request's body. Clients of the benchmark send less than 1 KiB.
const maxMessage = 1 << 20

// separate is the size from which the end of a reply is not copied, in bytes.
const separate = 16 << 10

// serve answers the requests of one connection until it ends.
func (s *Server) serve(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 16<<10)
	out := &replyWriter{conn: conn}
	var message []byte
	for {
		head, err := readHead(in)
		if err != nil {
			return
		}
		if cap(message) < head.length {
			message = make([]byte, head.length)
		}
		message = message[:head.length]
		if _, err := io.ReadFull(in, message); err != nil {
			return
		}
		if head.verb == 'G' && head.path == workload.StreamPath {
			s.hold(conn, in)
			return
		}
		if err := out.answer(&head, message); err != nil {
			return
		}
	}
}

// answer answers a request, except for a GET of a stream.
func (w *replyWriter) answer(h *head, message []byte) error {
	switch h.verb {
	case 'P':
		r, err := workload.Answer(h.path, message)
		if err != nil {
			fmt.Fprintln(os.Stderr, "server:", err)
			_, _ = w.conn.Write(badReply) // the connection ends in any case
			return err
		}
		return w.write(&r)
	case 'D':
		_, err := w.conn.Write(deleted)
		return err
	default:
		_, err := w.conn.Write(noStream)
		return err
	}
}

// hold keeps the stream of a session open until the client closes the connection.
func (s *Server) hold(conn net.Conn, in *bufio.Reader) {
	if _, err := conn.Write(opened); err != nil {
		return
	}
	s.streams.Add(1)
	_, _ = in.Peek(1)
	s.streams.Add(-1)
}

// head is what the server needs of a request's head.
type head struct {
	verb   byte // first letter of the method
	path   string
	length int // of the body
}

var lengthKey = []byte("Content-Length:")

// readHead reads the head of a request.
func readHead(in *bufio.Reader) (h head, err error) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return head{}, err
		}
		if len(line) == 2 {
			return h, nil
		}
		if h.verb == 0 {
			h.verb = line[0]
			_, rest, _ := bytes.Cut(line, []byte(" "))
			path, _, _ := bytes.Cut(rest, []byte(" "))
			h.path = string(path)
		}
		if n := len(lengthKey); len(line) > n && bytes.EqualFold(line[:n], lengthKey) {
			n, err := strconv.ParseUint(string(bytes.TrimSpace(line[n:])), 10, 31)
			if err != nil || n > maxMessage {
				return head{}, errors.New("bad Content-Length")
			}
			h.length = int(n)
		}
	}
}

// replyWriter writes replies to a connection and reuses its buffers.
type replyWriter struct {
	conn       net.Conn
	start, out []byte
}

var lastChunk = []byte("\r\n0\r\n\r\n")

// write writes a reply. A small one is one write, which matters over TLS.
func (w *replyWriter) write(r *workload.Reply) error {
	if r.None {
		_, err := w.conn.Write(accepted)
		return err
	}
	w.start = r.Append(w.start[:0]) // before the head, which has the length
	w.out = append(appendHead(w.out[:0], r, len(w.start)+len(r.Last)), w.start...)
	var end []byte
	if r.Unsized {
		end = lastChunk
	}
	if len(r.Last) < separate {
		w.out = append(append(w.out, r.Last...), end...)
		_, err := w.conn.Write(w.out)
		return err
	}
	parts := net.Buffers{w.out, r.Last, end}
	_, err := parts.WriteTo(w.conn)
	return err
}

// appendHead appends the head of the response, and the size of the only chunk if it has chunks.
func appendHead(b []byte, r *workload.Reply, size int) []byte {
	b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: "...)
	if r.Stream {
		b = append(b, "text/event-stream\r\n"...)
	} else {
		b = append(b, "application/json\r\n"...)
	}
	if r.Session {
		b = append(b, "Mcp-Session-Id: "+sessionID+"\r\n"...)
	}
	if !r.Unsized {
		b = append(b, "Content-Length: "...)
		return append(strconv.AppendInt(b, int64(size), 10), "\r\n\r\n"...)
	}
	b = append(b, "Transfer-Encoding: chunked\r\n\r\n"...)
	return append(strconv.AppendInt(b, int64(size), 16), "\r\n"...)
}
