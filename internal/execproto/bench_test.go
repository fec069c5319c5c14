package execproto

import (
	"encoding/json"
	"testing"
)

var sizes = []struct {
	name  string
	bytes int
}{{"200B", 200}, {"16kB", 16 << 10}, {"1MiB", MaxDelta}}

func BenchmarkReadDelta(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			text, body := AppendDelta(nil, "http-1", 7, make([]byte, size.bytes), false, ""), make([]byte, 0, size.bytes+4)
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			var m Message
			for b.Loop() {
				if err := m.Read(text); err != nil {
					b.Fatal(err)
				}
				if _, err := m.Delta.Decode(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScanDelta reads the envelope and scans the text, without decoding it.
func BenchmarkScanDelta(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			text := AppendDelta(nil, "http-1", 7, make([]byte, size.bytes), false, "")
			b.SetBytes(int64(size.bytes))
			var m Message
			for b.Loop() {
				if err := m.Read(text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendDelta(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			piece := make([]byte, size.bytes)
			dst := AppendDelta(nil, "http-1", 7, piece, false, "")
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendDelta(dst[:0], "http-1", 7, piece, false, "")
			}
		})
	}
}

// BenchmarkReadDeltaStandard reads the same text with encoding/json, for comparison.
func BenchmarkReadDeltaStandard(b *testing.B) {
	for _, size := range sizes {
		b.Run(size.name, func(b *testing.B) {
			text := AppendDelta(nil, "http-1", 7, make([]byte, size.bytes), false, "")
			b.SetBytes(int64(size.bytes))
			b.ReportAllocs()
			for b.Loop() {
				var m struct {
					Method string
					Params struct {
						RequestID   string
						Seq         int64
						DeltaBase64 []byte
						Done        bool
						Error       *string
					}
				}
				if err := json.Unmarshal(text, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
