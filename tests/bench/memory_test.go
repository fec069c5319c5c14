package main_test

import (
	"io"
	"net/http"

	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// memory is a RoundTripper without sockets. It answers immediately and allocates nothing. It serves
// one caller at a time.
type memory struct {
	in, out []byte
	resp    http.Response
	// A stream's body may still be draining when the next exchange starts, so exchanges do not
	// share a body.
	bodies [256]memoryBody
	next   int
}

var (
	jsonHeader   = http.Header{"Content-Type": {"application/json"}}
	streamHeader = http.Header{"Content-Type": {"text/event-stream"}}
	beginHeader  = http.Header{"Content-Type": {"application/json"}, "Mcp-Session-Id": {"s-1"}}
)

func (m *memory) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil { // DELETE
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: req}, nil
	}
	if need := int(req.ContentLength); cap(m.in) < need {
		m.in = make([]byte, need)
	}
	m.in = m.in[:req.ContentLength]
	if _, err := io.ReadFull(req.Body, m.in); err != nil {
		return nil, err
	}
	if err := req.Body.Close(); err != nil {
		return nil, err
	}
	r, err := workload.Answer(req.URL.Path, m.in)
	if err != nil {
		return nil, err
	}
	body := &m.bodies[m.next%len(m.bodies)]
	m.next++
	m.out = r.Append(m.out[:0])
	body.rest, body.last = m.out, r.Last
	m.resp = http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: jsonHeader, Body: body, ContentLength: int64(len(m.out) + len(r.Last)), Request: req,
	}
	switch {
	case r.None:
		m.resp.StatusCode = http.StatusAccepted
	case r.Stream:
		m.resp.Header = streamHeader
	case r.Session:
		m.resp.Header = beginHeader
	}
	if r.Unsized {
		m.resp.ContentLength = -1
	}
	return &m.resp, nil
}

// memoryBody returns the remaining bytes, at most 32 KiB per Read, as a connection would.
type memoryBody struct{ rest, last []byte }

func (b *memoryBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		b.rest, b.last = b.last, nil
	}
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 32<<10)], b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *memoryBody) Close() error { return nil }

// onceMemory reports, like this module's transports, that it sends no request twice.
type onceMemory struct{ memory }

func (m *onceMemory) RunsOnce() bool { return true }
