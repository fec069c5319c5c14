package main_test

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bytedance/sonic"
	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	goccy "github.com/goccy/go-json"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
)

const mebibyte = 1 << 20

// BenchmarkDecode measures the decoding of whole responses. Each round decodes the text with every
// decoder in turn, and a different one goes first. For each other decoder X, X-x is its time
// relative to Hawser's, as the median over all rounds, and X-best-x that of the fastest round of
// each, which a busy machine disturbs less. Above 1, Hawser is faster.
//
// The others decode into structs with the same members, and keep the same values raw. Hawser keeps
// the bytes of each tool as well.
func BenchmarkDecode(b *testing.B) {
	for _, text := range decodeTexts() {
		b.Run(text.name, func(b *testing.B) {
			decoders := text.decoders()
			rounds := make([][]float64, len(decoders))
			batch := batchOf(b, decoders[0], text.json)
			n := 0
			for b.Loop() {
				for i := range decoders {
					at := (i + n) % len(decoders)
					start := time.Now()
					decodeTimes(b, decoders[at], text.json, batch)
					rounds[at] = append(rounds[at], float64(time.Since(start))/float64(batch))
				}
				n++
			}
			b.ReportMetric(0, "ns/op") // the time of a whole round is not meaningful
			b.ReportMetric(decodeMedian(rounds[0]), decoders[0].name+"-ns")
			b.ReportMetric(float64(len(text.json))*1e3/slices.Min(rounds[0]), decoders[0].name+"-best-MB/s")
			for i, d := range decoders {
				allocs, size := allocated(b, d, text.json)
				b.ReportMetric(allocs, d.name+"-allocs")
				b.ReportMetric(size, d.name+"-B")
				if i > 0 {
					b.ReportMetric(medianRatio(rounds[i], rounds[0]), d.name+"-x")
					b.ReportMetric(slices.Min(rounds[i])/slices.Min(rounds[0]), d.name+"-best-x")
				}
			}
		})
	}
}

// batchOf returns how many decodes take about a millisecond.
func batchOf(b *testing.B, d decoder, text []byte) int {
	decodeTimes(b, d, text, 3)
	start := time.Now()
	decodeTimes(b, d, text, 10)
	return max(1, int(10*time.Millisecond/max(1, time.Since(start))))
}

func decodeTimes(b *testing.B, d decoder, text []byte, times int) {
	for range times {
		if err := d.decode(text); err != nil {
			b.Fatal(d.name, err)
		}
	}
}

func decodeMedian(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// medianRatio returns the median of the ratios of a to b.
func medianRatio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return decodeMedian(ratios)
}

// allocated returns the allocations of one decode and their size in bytes.
func allocated(b *testing.B, d decoder, text []byte) (allocs, size float64) {
	const times = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	decodeTimes(b, d, text, times)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / times, float64(after.TotalAlloc-before.TotalAlloc) / times
}

// decodeText is the text of a response to decode.
type decodeText struct {
	name     string
	json     []byte
	decoders func() []decoder
}

// decoder decodes a whole response.
type decoder struct {
	name   string
	decode func(text []byte) error
}

func decodeTexts() []decodeText {
	tools := toolsText(100, "")
	indented := new(bytes.Buffer)
	if err := stdjson.Indent(indented, tools, "", "  "); err != nil {
		panic(err)
	}
	texts := []decodeText{
		{"tools100", tools, toolsDecoders},
		{"tools1", toolsText(1, ""), toolsDecoders},
		{"tools100-meta", toolsText(100, `,"_meta":{"example.com/a":{"b":[1,2]},"example.com/c":"d"}`), toolsDecoders},
		{"tools100-indented", indented.Bytes(), toolsDecoders},
	}
	for _, size := range []struct {
		name  string
		bytes int
	}{{"200B", 120}, {"10kB", 10_000}, {"1MB", mebibyte}} {
		texts = append(texts,
			decodeText{"text" + size.name, resultText(toolText(size.bytes)), resultDecoders},
			decodeText{"plain" + size.name, resultText(strings.Repeat("plain text ", size.bytes/11)), resultDecoders},
			decodeText{"unicode" + size.name, resultText(strings.Repeat("текст, 中文; ", size.bytes/20)), resultDecoders},
			decodeText{"lines" + size.name, resultText(strings.Repeat("ab\n\t\"c\\\n", size.bytes/9)), resultDecoders},
			decodeText{"escaped" + size.name, escapedText(size.bytes), resultDecoders},
		)
	}
	return append(texts,
		decodeText{"structured10kB", structuredText(10_000), resultDecoders},
		decodeText{"structured1MB", structuredText(mebibyte), resultDecoders},
		decodeText{"numbers10kB", numbersText(10_000), resultDecoders},
		decodeText{"image1MB", imageText(mebibyte), resultDecoders},
	)
}

// respond returns the response with the given result.
func respond(result []byte) []byte {
	return append(append([]byte(`{"jsonrpc":"2.0","id":12345,"result":`), result...), '}')
}

// toolsText returns a page of n tools. more is an additional member of each.
func toolsText(n int, more string) []byte {
	const tool = `{"name":"search_files_%d","title":"Search files","description":"Searches the files of a directory for a pattern.\nReturns ` +
		`the matching \"lines\".","inputSchema":{"type":"object","properties":{"path":{"type":"string","description":"Where to look"},` +
		`"pattern":{"type":"string","description":"A regular expression; see the documentation for its syntax"},"limit":{"type":"integer",` +
		`"minimum":1,"maximum":1000,"default":50},"recursive":{"type":"boolean","default":true}},"required":["path","pattern"]},` +
		`"annotations":{"readOnlyHint":true,"openWorldHint":false}%s}`
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(tool, i, more)
	}
	return respond([]byte(`{"tools":[` + strings.Join(items, ",") + `],"nextCursor":"more"}`))
}

// resultText returns the response of a tool with the given text.
func resultText(text string) []byte {
	var quoted bytes.Buffer
	enc := stdjson.NewEncoder(&quoted)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err)
	}
	return quotedText(bytes.TrimSpace(quoted.Bytes()))
}

func quotedText(quoted []byte) []byte {
	return respond(fmt.Appendf(nil, `{"content":[{"type":"text","text":%s}],"isError":false}`, quoted))
}

// escapedText returns the response of a tool with Chinese text, as Python's json.dumps writes it.
func escapedText(size int) []byte {
	return quotedText([]byte(`"` + strings.Repeat(`\u4e2d\u6587 `, size/13) + `"`))
}

// structuredText returns a response with structured content of about size bytes.
func structuredText(size int) []byte {
	const row = `{"path":"internal/jsonrpc/cursor.go","line":%d,"text":"the \"quick\" fox","score":0.%d,"tags":["a","bc"],"exact":true},`
	var rows []byte
	for i := 100; len(rows) < size; i++ {
		rows = fmt.Appendf(rows, row, i, i)
	}
	return respond(fmt.Appendf(nil, `{"content":[],"structuredContent":{"rows":[%s]},"isError":false}`, rows[:len(rows)-1]))
}

// numbersText returns a response with structured content that is mostly numbers.
func numbersText(size int) []byte {
	numbers := strings.Repeat("12.5,-7,1000000,3.141592653589793,0,1e-9,", size/41)
	return respond(fmt.Appendf(nil, `{"content":[],"structuredContent":{"values":[%s]}}`, numbers[:len(numbers)-1]))
}

// imageText returns a response with an image of about size bytes of base64.
func imageText(size int) []byte {
	return respond(fmt.Appendf(nil, `{"content":[{"type":"image","data":"%s","mimeType":"image/png"}]}`, strings.Repeat("QUJD", size/4)))
}

// The members of a page of tools and of a result, as a program without an SDK would declare them. R
// is the type of raw values.
type (
	lean[T, R any] struct {
		JSONRPC string `json:"jsonrpc"`
		ID      R      `json:"id"`
		Result  T      `json:"result"`
	}

	leanPage[R any] struct {
		Tools []leanTool[R] `json:"tools"`
		Next  *string       `json:"nextCursor"`
		Meta  map[string]R  `json:"_meta"`
	}

	leanTool[R any] struct {
		Name         string       `json:"name"`
		Title        string       `json:"title"`
		Description  string       `json:"description"`
		InputSchema  R            `json:"inputSchema"`
		OutputSchema R            `json:"outputSchema"`
		Meta         map[string]R `json:"_meta"`
		Annotations  struct {
			Title       string `json:"title"`
			ReadOnly    *bool  `json:"readOnlyHint"`
			Destructive *bool  `json:"destructiveHint"`
			Idempotent  *bool  `json:"idempotentHint"`
			OpenWorld   *bool  `json:"openWorldHint"`
		} `json:"annotations"`
	}

	leanResult[R any] struct {
		Content    []leanContent[R] `json:"content"`
		Structured R                `json:"structuredContent"`
		IsError    bool             `json:"isError"`
		Meta       map[string]R     `json:"_meta"`
	}

	leanContent[R any] struct {
		Type     string       `json:"type"`
		Text     string       `json:"text"`
		Data     string       `json:"data"`
		MIMEType string       `json:"mimeType"`
		Meta     map[string]R `json:"_meta"`
	}
)

func toolsDecoders() []decoder {
	return []decoder{
		{"hawser", func(text []byte) error {
			return decodeMessage(text, &wire.Page[listedTool]{List: &listedTools})
		}},
		{"json2", func(text []byte) error {
			return jsonv2.Unmarshal(text, new(lean[leanPage[jsontext.Value], jsontext.Value]))
		}},
		{"sonic", func(text []byte) error {
			return sonic.ConfigStd.Unmarshal(text, new(lean[leanPage[stdjson.RawMessage], stdjson.RawMessage]))
		}},
		{"goccy", func(text []byte) error {
			return goccy.Unmarshal(text, new(lean[leanPage[stdjson.RawMessage], stdjson.RawMessage]))
		}},
	}
}

func resultDecoders() []decoder {
	return []decoder{
		{"hawser", func(text []byte) error {
			out := new(keptResult)
			return decodeMessage(text, &wire.CallTool{Out: &out.CallToolResult, Raw: &out.raw, Unknown: &unknownItems})
		}},
		{"json2", func(text []byte) error {
			return jsonv2.Unmarshal(text, new(lean[leanResult[jsontext.Value], jsontext.Value]))
		}},
		{"sonic", func(text []byte) error {
			return sonic.ConfigStd.Unmarshal(text, new(lean[leanResult[stdjson.RawMessage], stdjson.RawMessage]))
		}},
		{"goccy", func(text []byte) error {
			return goccy.Unmarshal(text, new(lean[leanResult[stdjson.RawMessage], stdjson.RawMessage]))
		}},
	}
}

// listedTool and keptResult are like the public types of package mcpclient.
type (
	listedTool struct {
		mcp.Tool
		raw stdjson.RawMessage
	}

	keptResult struct {
		mcp.CallToolResult
		raw stdjson.RawMessage
	}
)

var listedTools = wire.List[listedTool]{Member: "tools", Item: func(r *wire.Reader, t *listedTool) { t.raw = r.Tool(&t.Tool) }}

var unknownItems = wire.Unknown{
	Content: func(kind string, _ stdjson.RawMessage, _ error) mcp.Content { panic("unknown content " + kind) },
}

// inPlace decodes the result of a response in place, as a call of a session does.
type inPlace struct{ result wire.Decoder }

func (d inPlace) DecodeResult(text []byte) (int, error) {
	c := jsonrpc.NewCursor(text, 0)
	d.result.Decode(&c)
	return c.Pos(), c.Err()
}

func decodeMessage(text []byte, result wire.Decoder) error {
	var m jsonrpc.Message
	if err := m.Decode(text, inPlace{result}); err != nil {
		return err
	}
	return m.ResultErr
}

// The decoders that are compared read the same.
func TestDecodersReadTheSame(t *testing.T) {
	var v2 lean[leanPage[jsontext.Value], jsontext.Value]
	var std lean[leanPage[stdjson.RawMessage], stdjson.RawMessage]
	page := &wire.Page[listedTool]{List: &listedTools}
	text := toolsText(3, `,"_meta":{"a":1}`)
	require.NoError(t, jsonv2.Unmarshal(text, &v2))
	require.NoError(t, sonic.ConfigStd.Unmarshal(text, &std))
	require.NoError(t, decodeMessage(text, page))
	require.Len(t, page.Items, 3)
	for i, tool := range page.Items {
		require.Equal(t, v2.Result.Tools[i].Name, tool.Name)
		require.Equal(t, std.Result.Tools[i].Description, tool.Description)
		require.Equal(t, string(v2.Result.Tools[i].InputSchema), string(tool.RawInputSchema))
		require.Equal(t, std.Result.Tools[i].Annotations.ReadOnly, tool.Annotations.ReadOnlyHint)
		require.JSONEq(t, string(v2.Result.Tools[i].Meta["a"]), string(tool.Meta.AdditionalFields["a"].(stdjson.RawMessage)))
	}
	for _, text := range decodeTexts() {
		for _, d := range text.decoders() {
			require.NoError(t, d.decode(text.json), text.name, d.name)
		}
	}
}

// toolText resembles the output of tools: a newline every 60 bytes, quotes, some text beyond ASCII.
func toolText(size int) string {
	const line = "the \"quick\" brown fox jumps over the lazy dog, déjà vu 1234\n"
	return strings.Repeat(line, size/len(line)+1)[:size/len(line)*len(line)] + strings.Repeat("x", size%len(line))
}
