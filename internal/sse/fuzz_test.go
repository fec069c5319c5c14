package sse

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cut splits s into chunks of the given sizes, which repeat. A chunk of size 0 stands for a Read
// that returns no bytes.
func cut(s string, sizes []byte) []string {
	if len(sizes) == 0 {
		return []string{s}
	}
	var out []string
	for i := 0; s != ""; i++ {
		n := min(int(sizes[i%len(sizes)]), len(s))
		if n == 0 && i%7 != 0 { // fewer empty reads in a row than the Reader allows
			n = 1
		}
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

// FuzzReader compares the Reader with the reference implementation: for the whole text, byte by
// byte, and in chunks that the fuzzer chooses.
func FuzzReader(f *testing.F) {
	for i, c := range formats {
		f.Add(c.stream, []byte{byte(i), 3, 1})
	}
	for _, c := range idle {
		f.Add(strings.Repeat(c.pattern, 5)+"data: y\r\r"+strings.Repeat(c.pattern, 3), []byte{7, 2})
	}
	f.Add("data: "+strings.Repeat("x", 9000)+"\r\ndata: y\r\n\r\n", []byte{255, 0})
	f.Fuzz(func(t *testing.T, stream string, sizes []byte) {
		want, wantErr := reference(stream)
		for how, pieces := range map[string][]string{
			"whole":        {stream},
			"byte by byte": bytewise(stream),
			"in chunks":    cut(stream, sizes),
		} {
			got, err := read(t, NewReader(&chunks{left: pieces}, 0))
			require.Equal(t, want, got, how)
			require.Equal(t, wantErr, err, how)
		}
	})
}

// FuzzLimit checks that a small limit gives the same result however the bytes arrive, and that it
// can only remove events at the end.
func FuzzLimit(f *testing.F) {
	f.Add("data: a\n\ndata: 0123456789\n\n", []byte{2}, byte(12))
	f.Add(": comment\n\ndata: a\r\n\r\n", []byte{1, 9}, byte(3))
	f.Add("\ufeffa\n\n", []byte{1}, byte(0))
	f.Add("\r\n\r\n: a\r\n: a\r\n: a\r\nx\n\nx\n\ndata: 0\n\n", []byte{4}, byte(8))
	f.Add("\ufeff\n\n", []byte{1}, byte(0))
	f.Fuzz(func(t *testing.T, stream string, sizes []byte, limit byte) {
		maxEvent := int(limit) + 1
		all, allErr := reference(stream)
		want, wantErr := read(t, NewReader(strings.NewReader(stream), maxEvent))
		require.LessOrEqual(t, len(want), len(all))
		for i := range want {
			require.Equal(t, all[i], want[i])
		}
		if wantErr == io.EOF || wantErr == io.ErrUnexpectedEOF {
			require.Equal(t, wantErr, allErr)
			require.Len(t, want, len(all))
		}
		for how, pieces := range map[string][]string{"byte by byte": bytewise(stream), "in chunks": cut(stream, sizes)} {
			got, err := read(t, NewReader(&chunks{left: pieces}, maxEvent))
			require.Equal(t, want, got, how)
			require.Equal(t, wantErr, err, how)
		}
	})
}
