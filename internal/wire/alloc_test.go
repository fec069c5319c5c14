//go:build !race

package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// allocations returns the number of allocations in one decode of text, including the result.
func allocations(t *testing.T, text string, decode func(c *jsonrpc.Cursor)) float64 {
	data := []byte(text)
	return testing.AllocsPerRun(100, func() {
		c := jsonrpc.NewCursor(data, 0)
		decode(&c)
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
	}) - 1 // excludes c itself, which a call reuses
}

func TestCallToolResultAllocations(t *testing.T) {
	decode := func(c *jsonrpc.Cursor) {
		d := new(callToolResult).decoder(false)
		d.Decode(c)
	}
	image := `{"type":"image","mimeType":"image/png","data":"` + strings.Repeat("QUJD", 1000) + `"}`
	for _, tt := range []struct {
		name, text string
		want       float64
	}{
		{"nothing", `{}`, 1},
		{"text", `{"content":[{"type":"text","text":"` + strings.Repeat("x", 200) + `"}]}`, 1 + 1 + 1 + 1}, // result, slice, interface, text
		{"text with escapes", `{"content":[{"type":"text","text":"` + strings.Repeat(`x\n`, 100) + `"}],"isError":false}`, 4},
		{"type last", `{"content":[{"text":"` + strings.Repeat("x", 200) + `","type":"text"}],"resultType":"complete"}`, 4},
		{"structured", `{"structuredContent":{"a":[1,2,3]}}`, 1 + 1 + 1}, // result, bytes, interface
		{"image", `{"content":[` + image + `]}`, 1 + 1 + 1 + 2},
		{"unknown", `{"content":[{"type":"hologram","x":1}]}`, 1 + 1 + 1 + 2},
	} {
		require.Equal(t, tt.want, allocations(t, tt.text, decode), tt.name)
	}
}

func TestToolsPageAllocations(t *testing.T) {
	page := func(c *jsonrpc.Cursor) {
		d := &Page[tool]{List: &toolList}
		d.Decode(c)
	}
	const tool = `{"name":"name","description":"description","inputSchema":{"type":"object"},"annotations":{"title":"title"}}`
	// The reader, the slice, and for the tool its bytes and three strings. The schema is part of
	// the bytes.
	require.Equal(t, 1+1+1+3.0, allocations(t, `{"tools":[`+tool+`]}`, page))
	// With a _meta: the Meta, its map (two allocations), and for the only member its name and its
	// boxed value.
	meta := strings.Replace(tool, `"name":"name"`, `"name":"name","_meta":{"example.com/a":{"b":[1,2]}}`, 1)
	require.Equal(t, 6+1+2+2.0, allocations(t, `{"tools":[`+meta+`]}`, page))
	// With two tools: the second adds its bytes and its strings, and a larger list.
	require.Equal(t, 6+4+1.0, allocations(t, `{"tools":[`+tool+`,`+tool+`]}`, page))
	// A list of a hundred equal tools is allocated twice.
	require.Equal(t, 6+99*4+1.0, allocations(t, `{"tools":[`+strings.Repeat(tool+",", 99)+tool+`]}`, page))
	// All hints of a tool are one allocation.
	hints := strings.Replace(tool, `"annotations":{`, `"annotations":{"readOnlyHint":true,"openWorldHint":false,"idempotentHint":true,`, 1)
	require.Equal(t, 6+1.0, allocations(t, `{"tools":[`+hints+`]}`, page))
}
