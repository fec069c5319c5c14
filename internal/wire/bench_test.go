package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// benchText returns a result with one text of n bytes, in which every 50th byte needs an escape.
func benchText(n int) []byte {
	text := strings.Repeat(strings.Repeat("x", 49)+"\n", n/50)
	data, err := json.Marshal(mcp.NewToolResultText(text))
	if err != nil {
		panic(err)
	}
	return data
}

// benchTools returns a page of n tools. meta is an additional member of each.
func benchTools(n int, meta string) []byte {
	const tool = `{"name":"tool%d","title":"A tool","description":"Does what a tool does, and says so in a sentence.",` +
		`"inputSchema":{"type":"object","properties":{"q":{"type":"string","description":"what to look for"},` +
		`"limit":{"type":"integer","minimum":1}},"required":["q"]},"annotations":{"readOnlyHint":true}%s}`
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(tool, i, meta)
	}
	return []byte(`{"tools":[` + strings.Join(items, ",") + `],"nextCursor":"more"}`)
}

func BenchmarkCallToolResult(b *testing.B) {
	for _, n := range []int{200, 10_000, 1 << 20} {
		data := benchText(n)
		b.Run(fmt.Sprintf("%dB/hawser", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				dec := new(callToolResult).decoder(false)
				c := jsonrpc.NewCursor(data, 0)
				dec.Decode(&c)
				if c.Err() != nil {
					b.Fatal(c.Err())
				}
			}
		})
		b.Run(fmt.Sprintf("%dB/mcp-go", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(data, new(mcp.CallToolResult)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkToolsPage(b *testing.B) {
	for name, meta := range map[string]string{"plain": "", "meta": `,"_meta":{"example.com/a":{"b":[1,2]},"example.com/c":"d"}`} {
		data := benchTools(100, meta)
		b.Run(name+"/hawser", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				dec := &Page[tool]{List: &toolList}
				c := jsonrpc.NewCursor(data, 0)
				dec.Decode(&c)
				if c.Err() != nil {
					b.Fatal(c.Err())
				}
			}
		})
		b.Run(name+"/mcp-go", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := json.Unmarshal(data, new(mcp.ListToolsResult)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkImage(b *testing.B) {
	data := []byte(`{"content":[{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", 1<<18) + `"}]}`)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		dec := new(callToolResult).decoder(false)
		c := jsonrpc.NewCursor(data, 0)
		dec.Decode(&c)
		if len(dec.Out.Content) != 1 {
			b.Fatal(c.Err())
		}
	}
}
