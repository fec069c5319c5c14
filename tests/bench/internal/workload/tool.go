// Package workload is what the server of the benchmark replies, and what each client must get.
// Replies are built once, so that a server only fills in the ID and the progress token.
package workload

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The protocol revisions that are measured.
const (
	Legacy = "2025-11-25" // initialize and a session
	Modern = "2026-07-28" // stateless
)

// Mebi is the size of the large texts, in bytes.
const Mebi = 1 << 20

// Tool is a tool of the server, which replies the same to every call.
type Tool struct {
	Name    string
	Stream  bool   // the reply is an event stream
	Unsized bool   // the response has no Content-Length
	Events  int    // number of progress notifications before the answer
	Message string // message of each notification; "" leaves it out
	Text    string // text of the result; "" means that the result has structured content
	Rows    int    // number of rows of the structured content

	// Structured is the structured content, nil for tools without it.
	Structured json.RawMessage

	legacy, modern []byte // what follows the ID in the reply
}

// The tools of the server. The number in a name is the size of the whole message, in bytes, or the
// number of notifications.
var (
	JSON200 = newTool(Tool{Name: "bench_j200", Text: text(120)})
	SSE200  = newTool(Tool{Name: "bench_s200", Stream: true, Unsized: true, Text: text(120)})
	JSON10k = newTool(Tool{Name: "bench_j10k", Text: text(10_000)})
	SSE10k  = newTool(Tool{Name: "bench_s10k", Stream: true, Unsized: true, Text: text(10_000)})
	JSON1M  = newTool(Tool{Name: "bench_j1m", Unsized: true, Text: text(Mebi)})
	SSE1M   = newTool(Tool{Name: "bench_s1m", Stream: true, Unsized: true, Text: text(Mebi)})

	Structured10k = newTool(Tool{Name: "bench_sc10k", Rows: 60})

	Progress0    = newTool(Tool{Name: "bench_p0", Stream: true, Unsized: true, Text: "done"})
	Progress1000 = newTool(Tool{Name: "bench_p1000", Stream: true, Unsized: true, Events: 1000, Text: "done"})
	Messages1000 = newTool(Tool{Name: "bench_m1000", Stream: true, Unsized: true, Events: 1000, Text: "done", Message: "step of the work"})

	// Tools lists all of them.
	Tools = []*Tool{JSON200, SSE200, JSON10k, SSE10k, JSON1M, SSE1M, Structured10k, Progress0, Progress1000, Messages1000}
)

// byName has the tools by name, without the prefix that all names have.
var byName = func() map[string]*Tool {
	tools := make(map[string]*Tool, len(Tools))
	for _, t := range Tools {
		tools[strings.TrimPrefix(t.Name, prefix)] = t
	}
	return tools
}()

// prefix begins the name of each tool, so that it can be found in a request without decoding it.
const prefix = "bench_"

// text resembles the output of tools: a newline every 60 bytes, quotes, some text beyond ASCII.
func text(size int) string {
	const line = "the \"quick\" brown fox jumps over the lazy dog, déjà vu 1234\n"
	return strings.Repeat(line, size/len(line)+1)[:size/len(line)*len(line)] + strings.Repeat("x", size%len(line))
}

// newTool builds the replies of a tool.
func newTool(t Tool) *Tool {
	result := `"content":[{"type":"text","text":` + encode(t.Text) + `}]}`
	if t.Rows > 0 {
		t.Structured = structured(t.Rows)
		result = `"content":[],"structuredContent":` + string(t.Structured) + `}`
	}
	end := "}"
	if t.Stream {
		end = "}\n\n"
	}
	t.legacy = []byte(`,"result":{` + result + end)
	t.modern = []byte(`,"result":{"resultType":"complete",` + result + end)
	return &t
}

// structured returns an object with rows of numbers, texts, booleans and lists, 160 bytes each.
func structured(rows int) json.RawMessage {
	type row struct {
		ID     int      `json:"id"`
		Name   string   `json:"name"`
		Score  float64  `json:"score"`
		Active bool     `json:"active"`
		Parent any      `json:"parent"`
		Tags   []string `json:"tags"`
		Note   string   `json:"note"`
	}
	all := make([]row, rows)
	for i := range all {
		all[i] = row{
			ID: 100_000 + i, Name: fmt.Sprintf("row number %d", i), Score: float64(i) + 0.25, Active: i%2 == 0,
			Tags: []string{"red", "green", "blue"}, Note: "a \"short\" note about it, déjà vu",
		}
	}
	data, err := json.Marshal(map[string]any{"rows": all, "total": rows})
	if err != nil {
		panic(err)
	}
	return data
}

func encode(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(data)
}
