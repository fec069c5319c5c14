package sse

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func BenchmarkReader(b *testing.B) {
	small := "event: message\ndata: " + strings.Repeat("x", 170-len("event: message\ndata: \n\n")) + "\n\n"
	for _, c := range []struct {
		name, event string
		count       int
	}{
		{"170B", small, 10_000},
		{"1MiB", "event: message\ndata: " + strings.Repeat("y", 1<<20) + "\n\n", 8},
		{"512KiBIn8ByteLines", strings.Repeat("data: y\n", 64<<10) + "\n", 8},
	} {
		b.Run(c.name, func(b *testing.B) {
			stream := []byte(strings.Repeat(c.event, c.count))
			src := bytes.NewReader(stream)
			r := NewReader(src, 0)
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				src.Reset(stream)
				r.Reset(src, 0)
				n := 0
				for {
					if _, err := r.Next(); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != c.count {
					b.Fatalf("got %d events, expected %d", n, c.count)
				}
			}
		})
	}
}
