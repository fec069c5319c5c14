package sse

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// idle holds patterns of lines without data. The tests repeat each pattern endlessly.
var idle = []struct{ name, pattern string }{
	{"LF", "\n"},
	{"CR", "\r"},
	{"CRLF", "\r\n"},
	{"Comments", ":\n"},
	{"CommentsCR", ":\r"},
	{"CommentsCRLF", ":\r\n"},
	{"LongComments", ": keep-alive\n"},
	{"UnknownFields", "a\n\n"},
	{"Names", "event: x\r\n\r\n"},
}

// A block without data is parsed once. The Reader skips repetitions of it without splitting them
// into lines.
func TestRepeatedIdleBlocksAreSkipped(t *testing.T) {
	for _, c := range idle {
		const size = 1 << 20
		src := io.MultiReader(&endless{pattern: c.pattern, size: size / len(c.pattern) * len(c.pattern)}, strings.NewReader("data: a\n\n"))
		r := NewReader(src, 100)
		got, err := read(t, r)
		require.Equal(t, []record{data("a")}, got, c.name)
		require.Equal(t, io.EOF, err, c.name)
		require.Less(t, r.cut, 6*size/firstBuffer, "%s: expected few split lines per window", c.name)
	}
}

// The Reader finds the end of repeated blocks wherever the chunks of the stream end.
func TestEventsAfterRepeatedIdleBlocks(t *testing.T) {
	for _, c := range idle {
		for _, next := range []string{"data: a\n\n", "id: 7\r\r", "\ndata: a\r\n\r\n", "a: b\ndata: a\n\n", ": x\nid\n\n", "data: cut"} {
			stream := strings.Repeat(c.pattern, 7) + next
			want, wantErr := reference(stream)
			for i := range stream {
				got, err := read(t, NewReader(&chunks{left: []string{stream[:i], stream[i:]}}, 0))
				require.Equal(t, want, got, "%s %q split at %d", c.name, next, i)
				require.Equal(t, wantErr, err)
			}
			got, err := read(t, NewReader(&chunks{left: bytewise(stream)}, 0))
			require.Equal(t, want, got, "%s %q byte by byte", c.name, next)
			require.Equal(t, wantErr, err)
		}
	}
}

// BenchmarkIdle reads lines without data. The last four patterns are split into lines.
func BenchmarkIdle(b *testing.B) {
	for _, c := range append(idle[:len(idle):len(idle)], []struct{ name, pattern string }{
		{"KeepAlives", ": keep-alive\n\n"}, {"Alternating", ":a\n:b\n"}, {"IDs", "id\n\n"}, {"EmptyData", "data\n\n"},
	}...) {
		b.Run(c.name, func(b *testing.B) {
			const size = 16 << 20
			b.SetBytes(size)
			r := NewReader(nil, 0)
			for b.Loop() {
				r.Reset(&endless{pattern: c.pattern, size: size}, 0)
				var err error
				for err == nil {
					_, err = r.Next()
				}
				if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)*(1<<30)/size, "ns/GiB")
		})
	}
}
