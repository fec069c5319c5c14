package sse

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// chunks is a source that returns one chunk per Read, and then err. A source may use all of p as
// scratch space, so chunks overwrites the rest of p.
type chunks struct {
	left []string
	err  error // nil means io.EOF
	at   int   // position in the current chunk
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.left) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		return 0, io.EOF
	}
	n := copy(p, c.left[0][c.at:])
	clear(p[n:])
	if c.at += n; c.at == len(c.left[0]) {
		c.left, c.at = c.left[1:], 0
	}
	return n, nil
}

// bytewise splits s into single bytes.
func bytewise(s string) []string {
	out := make([]string, len(s))
	for i := range out {
		out[i] = s[i : i+1]
	}
	return out
}

// read returns all events of r.
func read(t testing.TB, r *Reader) ([]record, error) {
	t.Helper()
	var got []record
	for {
		e, err := r.Next()
		if err != nil {
			require.Zero(t, e)
			_, again := r.Next()
			require.Equal(t, err, again, "errors are final")
			return got, err
		}
		got = append(got, copied(e))
	}
}

func copied(e Event) record {
	return record{
		Name: string(e.Name), Data: string(e.Data), NilData: e.Data == nil,
		ID: string(e.ID), HasID: e.HasID, Retry: e.Retry, HasRetry: e.HasRetry,
	}
}

// counting counts the Reads of a source and the buffer bytes offered to it.
type counting struct {
	src   io.Reader
	reads int
	most  int
}

func (c *counting) Read(p []byte) (int, error) {
	c.reads++
	c.most = max(c.most, len(p))
	return c.src.Read(p)
}

// endless repeats a pattern forever, or up to size bytes if size is positive.
type endless struct {
	pattern string
	size    int
	off     int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.size > 0 {
		if e.off == e.size {
			return 0, io.EOF
		}
		p = p[:min(len(p), e.size-e.off)]
	}
	n := copy(p, e.pattern[e.off%len(e.pattern):])
	n += copy(p[n:], e.pattern[:e.off%len(e.pattern)])
	for n < len(p) { // p contains at least one whole pattern, possibly rotated
		n += copy(p[n:], p[:n])
	}
	e.off += len(p)
	return len(p), nil
}

// packets returns at most packet bytes per Read, as a network does.
type packets struct{ src io.Reader }

const packet = 1400

func (p *packets) Read(b []byte) (int, error) { return p.src.Read(b[:min(len(b), packet)]) }

// scattered returns one chunk per Read, like chunks, but does not touch the rest of p.
type scattered struct{ left []string }

func (s *scattered) Read(p []byte) (int, error) {
	if len(s.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.left[0])
	if s.left[0] = s.left[0][n:]; s.left[0] == "" {
		s.left = s.left[1:]
	}
	return n, nil
}
