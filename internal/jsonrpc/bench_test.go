package jsonrpc

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// Each benchmark has a counterpart with encoding/json on the same text. Compare the two within one
// run.

func plainText(size int) []byte {
	return []byte(`"` + strings.Repeat("The quick brown fox jumps over the lazy dog, 1234567890 times. ", size/63) + `"`)
}

// toolText returns text like the output of tools: a newline every 60 bytes, a few quotes, some
// characters beyond ASCII.
func toolText(size int) []byte {
	line := `the 17 files of the directory were read; one, \"naïve.go\", is\n`
	return []byte(`"` + strings.Repeat(line, size/len(line)) + `"`)
}

// asciiEscapes returns Chinese text as Python's json.dumps writes it.
func asciiEscapes(size int) []byte {
	return []byte(`"` + strings.Repeat(`\u4e2d\u6587 `, size/13) + `"`)
}

var texts = []struct {
	name string
	json []byte
}{
	{"key", []byte(`"structuredContent"`)},
	{"plain200B", plainText(200)},
	{"plain10k", plainText(10 << 10)},
	{"plain1M", plainText(1 << 20)},
	{"tool10k", toolText(10 << 10)},
	{"tool1M", toolText(1 << 20)},
	{"unicode1M", []byte(`"` + strings.Repeat("текст по-русски ", 1<<20/28) + `"`)},
	{"asciiescapes1M", asciiEscapes(1 << 20)},
}

func BenchmarkString(b *testing.B) {
	for _, text := range texts {
		b.Run(text.name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				c := NewCursor(text.json, 0)
				if c.String() == "" {
					b.Fatal(c.Err())
				}
			}
		})
		b.Run(text.name+"/std", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				var s string
				if err := json.Unmarshal(text.json, &s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listing returns a tools/list result as servers send it.
func listing(tools int) []byte {
	tool := `{"name":"search_files","title":"Search files","description":"Searches the files of a directory for a pattern.\nReturns the matching lines.","inputSchema":{"type":"object","properties":{"path":{"type":"string","description":"Where to look"},"pattern":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":1000,"default":50},"recursive":{"type":"boolean","default":true}},"required":["path","pattern"]},"annotations":{"readOnlyHint":true,"openWorldHint":false}}`
	return []byte(`{"tools":[` + strings.Repeat(tool+",", tools-1) + tool + `]}`)
}

func BenchmarkSkip(b *testing.B) {
	var indented bytes.Buffer
	if err := json.Indent(&indented, listing(20), "", "  "); err != nil {
		b.Fatal(err)
	}
	for _, text := range []struct {
		name string
		json []byte
	}{
		{"tools", listing(20)},
		{"indented", indented.Bytes()},
		{"plain1M", plainText(1 << 20)},
		{"numbers", []byte("[" + strings.Repeat("12.5,-7,1000000,", 5000) + "0]")},
	} {
		b.Run(text.name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				c := NewCursor(text.json, 0)
				if c.Skip() == nil {
					b.Fatal(c.Err())
				}
			}
		})
		b.Run(text.name+"/std", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				if !json.Valid(text.json) {
					b.Fatal("not valid")
				}
			}
		})
	}
}

var response = []byte(`{"jsonrpc":"2.0","id":12345,"result":{"content":[{"type":"text","text":"The answer is 42, found in 3 of 17 files within 120 ms.\nSee the log for the \"details\"."}],"isError":false}}`)

func BenchmarkMessage(b *testing.B) {
	progress := []byte(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":7,"progress":12,"total":1000,"message":"reading"}}`)
	for _, text := range []struct {
		name string
		json []byte
	}{{"response", response}, {"progress", progress}} {
		b.Run(text.name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				var m Message
				if err := m.Decode(text.json, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(text.name+"/std", func(b *testing.B) {
			b.SetBytes(int64(len(text.json)))
			b.ReportAllocs()
			for b.Loop() {
				var m struct {
					Version string          `json:"jsonrpc"`
					ID      json.RawMessage `json:"id"`
					Method  string          `json:"method"`
					Params  json.RawMessage `json:"params"`
					Result  json.RawMessage `json:"result"`
				}
				if err := json.Unmarshal(text.json, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendString(b *testing.B) {
	var text string
	if err := json.Unmarshal(toolText(10<<10), &text); err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		dst := make([]byte, 0, 2*len(text))
		for b.Loop() {
			dst = AppendString(dst[:0], text)
		}
	})
	b.Run("std", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		var dst bytes.Buffer
		enc := json.NewEncoder(&dst)
		enc.SetEscapeHTML(false)
		for b.Loop() {
			dst.Reset()
			if err := enc.Encode(text); err != nil {
				b.Fatal(err)
			}
		}
	})
}
