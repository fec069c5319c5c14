package agent

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

const (
	// smallPiece is the size in bytes of a Read of an idle or slow stream.
	smallPiece = 4 << 10
	// headDelay is how long a head with a Content-Length waits for the beginning of its body. Mostly
	// they arrive together, and then they are sent together, which costs both ends much less.
	headDelay = time.Millisecond
)

var errLinkGone = errors.New("the link is gone")

// part is what is sent of a streamed response at once.
type part struct {
	head  *execproto.HTTPResponse // nil if it was sent before
	seq   int64                   // the number of the last delta sent before
	piece []byte                  // may be empty
	end   error                   // how the body ends after the piece; nil if it goes on
}

// streamed sends a streamed response.
func (e *exchange) streamed(resp *http.Response, head *execproto.HTTPResponse) {
	piece := smallPieces.Get().(*[smallPiece]byte)
	defer smallPieces.Put(piece)
	p := part{head: head}
	n := 0
	if resp.ContentLength >= 0 {
		n = e.beginning(&p, resp.Body, piece[:])
	}
	e.pump(resp.Body, piece[:], p, n)
}

var smallPieces = sync.Pool{New: func() any { return new([smallPiece]byte) }}

// beginning reads the first piece of a body into p. If that takes too long, it sends the head alone.
func (e *exchange) beginning(p *part, body io.Reader, piece []byte) (n int) {
	head := part{head: p.head}
	sent := make(chan error, 1)
	late := time.AfterFunc(headDelay, func() { sent <- e.send(head) })
	n, p.end = body.Read(piece)
	p.piece = piece[:n]
	if late.Stop() {
		return n
	}
	p.head = nil
	if err := <-sent; err != nil {
		p.piece, p.end = nil, errLinkGone
	}
	return n
}

// pump sends p, which ends with a Read of n bytes, and then the result of each Read of the body at
// once. It reads the next piece after the previous one was written to the link, so that a slow link
// slows the server down. An idle stream uses little memory; a body in bulk is read ahead.
func (e *exchange) pump(body io.Reader, piece []byte, p part, n int) {
	for e.sendNonempty(p) {
		p = part{seq: p.next()}
		if n == len(piece) {
			p.seq, p.end = e.pumpAhead(body, p.seq)
		}
		n = 0
		if p.end == nil {
			n, p.end = body.Read(piece)
			p.piece = piece[:n]
		}
	}
}

// next returns the number of the last delta sent after p, if the body goes on.
func (p *part) next() int64 {
	if len(p.piece) > 0 {
		return p.seq + 1
	}
	return p.seq
}

// sendNonempty sends p, if it has anything to send. It reports whether the body goes on.
func (e *exchange) sendNonempty(p part) bool {
	if p.head == nil && len(p.piece) == 0 && p.end == nil {
		return true
	}
	err := e.send(p)
	if err != nil && p.end == nil {
		e.s.leave(e)
	}
	return err == nil && p.end == nil
}

// send sends p. If the body ends, the exchange leaves the session.
func (e *exchange) send(p part) error {
	err := e.s.begin()
	if p.end != nil {
		e.s.leave(e)
	}
	if err != nil {
		return err
	}
	if p.head != nil {
		f := e.s.add(responseSize(p.head))
		f.b = execproto.AppendHTTPResponse(f.b, e.rawID, p.head)
	}
	if len(p.piece) > 0 {
		p.seq++
		f := e.s.add(deltaSize(p.piece))
		f.b = execproto.AppendDelta(f.b, e.id, p.seq, p.piece, false, "")
	}
	if p.end != nil {
		text := ""
		if p.end != io.EOF {
			text = "the response body was cut off: " + cause(p.end)
		}
		f := e.s.add(0)
		f.b = execproto.AppendDelta(f.b, e.id, p.seq+1, nil, true, text)
	}
	return e.s.flush()
}
