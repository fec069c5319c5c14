package sse

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

var errCut = errors.New("link lost")

func TestSourceError(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []record
	}{
		{"between blocks", "data: a\n\n", []record{data("a")}},
		{"inside a block", "data: a\n\ndata: b\n", []record{data("a")}},
		{"immediately", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := read(t, NewReader(&chunks{left: bytewise(c.stream), err: errCut}, 0))
			require.Equal(t, c.want, got)
			require.ErrorIs(t, err, errCut)

			got, err = read(t, NewReader(iotest.DataErrReader(&chunks{left: []string{c.stream}, err: errCut}), 0))
			require.Equal(t, c.want, got, "bytes returned with an error count")
			require.ErrorIs(t, err, errCut)
		})
	}
}

func TestEndReturnedWithBytes(t *testing.T) {
	got, err := read(t, NewReader(iotest.DataErrReader(strings.NewReader("data: a\n\ndata: b\n\n")), 0))
	require.Equal(t, []record{data("a"), data("b")}, got)
	require.Equal(t, io.EOF, err)
}

// A failure that wraps io.EOF, such as "connection closed: EOF", is a lost connection and must not
// count as the end of the stream.
func TestFailureThatWrapsEOF(t *testing.T) {
	wrapped := fmt.Errorf("connection closed: %w", io.EOF)
	_, err := read(t, NewReader(&chunks{err: wrapped}, 0))
	require.NotEqual(t, io.EOF, err)
	require.ErrorIs(t, err, wrapped)
}

func TestNoProgress(t *testing.T) {
	src := &counting{src: readFunc(func([]byte) (int, error) { return 0, nil })}
	_, err := read(t, NewReader(src, 0))
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.Equal(t, 100, src.reads)
}

func TestEmptyReadsBetweenBytesAreFine(t *testing.T) {
	stream, reads := strings.NewReader("data: a\n\n"), 0
	got, err := read(t, NewReader(readFunc(func(p []byte) (int, error) {
		if reads++; reads%100 != 0 {
			return 0, nil
		}
		return stream.Read(p[:1])
	}), 0))
	require.Equal(t, []record{data("a")}, got)
	require.Equal(t, io.EOF, err)
}

func TestImpossibleCount(t *testing.T) {
	for _, count := range []func(p []byte) int{
		func(p []byte) int { return len(p) + 1 },
		func([]byte) int { return -1 },
	} {
		_, err := read(t, NewReader(readFunc(func(p []byte) (int, error) { return count(p), nil }), 0))
		require.ErrorIs(t, err, errCount)
	}
}

// A panic of the source reaches the caller. If the caller recovers, the Reader returns an error
// instead of a partial event.
func TestSourcePanics(t *testing.T) {
	first := true
	r := NewReader(readFunc(func(p []byte) (int, error) {
		if !first {
			panic("source bug")
		}
		first = false
		return copy(p, "data: a\n\ndata: b"), nil
	}), 0)
	e, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "a", string(e.Data))
	require.PanicsWithValue(t, "source bug", func() { _, _ = r.Next() })
	_, err = read(t, r)
	require.ErrorIs(t, err, errPanicked)
}

func TestReset(t *testing.T) {
	r := NewReader(strings.NewReader("event: old\nid: 1\nretry: 5\ndata: a\n\rdata: half"), 0)
	_, err := r.Next()
	require.NoError(t, err)
	buf := &r.buf[0]

	r.Reset(nil, 0)
	require.Nil(t, r.src)
	_, err = r.Next()
	require.ErrorIs(t, err, errNoSource)

	r.Reset(strings.NewReader("\ufeffdata: b\n\n"), 0)
	got, err := read(t, r)
	require.Equal(t, []record{data("b")}, got)
	require.Equal(t, io.EOF, err)
	require.Same(t, buf, &r.buf[0], "the buffer is reused")

	r.Reset(strings.NewReader("data: "+strings.Repeat("x", 2*maxKept)+"\n\n"), 0)
	_, err = r.Next()
	require.NoError(t, err)
	require.Greater(t, len(r.buf), maxKept)
	r.Reset(nil, 0)
	require.Nil(t, r.buf, "a buffer beyond 4 MiB is not kept")

	r.Reset(strings.NewReader("event: "+strings.Repeat("x", 2*maxKept)+"\nid: "+strings.Repeat("y", 2*maxKept)+"\n\n"), 0)
	_, err = r.Next()
	require.NoError(t, err)
	r.Reset(nil, 0)
	require.Nil(t, r.block.name)
	require.Nil(t, r.block.id)
}
