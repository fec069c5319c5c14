package main_test

import (
	stdjson "encoding/json"
	"fmt"
	"testing"

	"github.com/bytedance/sonic"
	"github.com/go-json-experiment/json"
	goccy "github.com/goccy/go-json"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/tests/bench/internal/workload"
)

// The plain types into which the JSON packages decode. They have no methods of their own, so each
// package decodes a message once. Hawser decodes into the types of package mcp, keeps each tool as
// it was received, and bounds depth and numbers of elements.
type (
	plainTool struct {
		Name        string             `json:"name"`
		Title       string             `json:"title"`
		Description string             `json:"description"`
		InputSchema stdjson.RawMessage `json:"inputSchema"`
		Annotations struct {
			ReadOnlyHint  *bool `json:"readOnlyHint"`
			OpenWorldHint *bool `json:"openWorldHint"`
		} `json:"annotations"`
	}
	plainResult struct {
		Tools      []plainTool                   `json:"tools"`
		Content    []struct{ Type, Text string } `json:"content"`
		Structured stdjson.RawMessage            `json:"structuredContent"`
		Meta       map[string]stdjson.RawMessage `json:"_meta"`
		NextCursor *string                       `json:"nextCursor"`
		ResultType string                        `json:"resultType"`
	}
	plainMessage struct {
		JSONRPC string             `json:"jsonrpc"`
		ID      stdjson.RawMessage `json:"id"`
		Result  plainResult        `json:"result"`
	}
)

// message returns the body of a reply.
func message(tb testing.TB, path, request string) []byte {
	tb.Helper()
	r, err := workload.Answer(path, []byte(request))
	require.NoError(tb, err)
	return append(r.Append(nil), r.Last...)
}

func resultOf(tb testing.TB, tool *workload.Tool) []byte {
	tb.Helper()
	return message(tb, "", fmt.Sprintf(`{"id":1,"method":"tools/call","params":{"name":%q}}`, tool.Name))
}

func listOf(tb testing.TB, tools int) []byte {
	tb.Helper()
	return message(tb, workload.ListPath(tools), `{"id":1,"method":"tools/list"}`)
}

// packages decodes data with each JSON package and passes what it got to check.
func packages(data []byte, check func(*plainMessage) error) []variant {
	with := func(name string, unmarshal func([]byte, *plainMessage) error) variant {
		return variant{name, func() error {
			var m plainMessage
			if err := unmarshal(data, &m); err != nil {
				return err
			}
			return check(&m)
		}}
	}
	return []variant{
		with("json-v2", func(b []byte, m *plainMessage) error {
			return json.Unmarshal(b, m, json.MatchCaseInsensitiveNames(true))
		}),
		with("json", func(b []byte, m *plainMessage) error { return stdjson.Unmarshal(b, m) }),
		with("sonic", func(b []byte, m *plainMessage) error { return sonic.ConfigStd.Unmarshal(b, m) }),
		with("goccy", func(b []byte, m *plainMessage) error { return goccy.Unmarshal(b, m) }),
	}
}

// BenchmarkDecodeTools compares Hawser's decoder with JSON packages on lists of tools.
func BenchmarkDecodeTools(b *testing.B) {
	for _, tools := range []int{workload.FewTools, workload.ManyTools} {
		b.Run(fmt.Sprint(tools), func(b *testing.B) {
			compare(b, 20, decodeTools(listOf(b, tools), tools)...)
		})
	}
}

// decodeTools returns the ways to decode a list of tools. Hawser is the first.
func decodeTools(data []byte, tools int) []variant {
	list := wire.List[mcp.Tool]{Member: "tools", Item: func(r *wire.Reader) mcp.Tool {
		tool, _ := r.Tool()
		return tool
	}}
	hawser := variant{"hawser", func() error {
		page := wire.Page[mcp.Tool]{List: &list}
		if err := decode(data, &page); err != nil {
			return err
		}
		return checkCount(tools, len(page.Items))
	}}
	return append([]variant{hawser}, packages(data, func(m *plainMessage) error { return checkCount(tools, len(m.Result.Tools)) })...)
}

// BenchmarkDecodeResult compares Hawser's decoder with JSON packages on results of calls.
func BenchmarkDecodeResult(b *testing.B) {
	for _, tool := range []*workload.Tool{workload.JSON200, workload.JSON10k, workload.JSON1M, workload.Structured10k} {
		b.Run(tool.Name, func(b *testing.B) {
			data := resultOf(b, tool)
			compare(b, max(1, 1_000_000/len(data)), decodeResult(data, tool)...)
		})
	}
}

// decodeResult returns the ways to decode the result of a call. Hawser is the first.
func decodeResult(data []byte, tool *workload.Tool) []variant {
	hawser := variant{"hawser", func() error {
		var (
			result mcp.CallToolResult
			raw    stdjson.RawMessage
		)
		if err := decode(data, &wire.CallTool{Out: &result, Raw: &raw}); err != nil {
			return err
		}
		if tool.Rows > 0 {
			return checkCount(len(tool.Structured), len(result.RawStructuredContent))
		}
		return checkCount(len(tool.Text), len(result.Content[0].(mcp.TextContent).Text))
	}}
	return append([]variant{hawser}, packages(data, func(m *plainMessage) error {
		if tool.Rows > 0 {
			return checkCount(len(tool.Structured), len(m.Result.Structured))
		}
		return checkCount(len(tool.Text), len(m.Result.Content[0].Text))
	})...)
}

// decode decodes a message as a session does.
func decode(data []byte, d wire.Decoder) error {
	var m jsonrpc.Message
	if err := m.Decode(data, inPlace{d}); err != nil {
		return err
	}
	return m.ResultErr
}

// inPlace decodes a result with a decoder of package wire.
type inPlace struct{ wire.Decoder }

// DecodeResult implements [jsonrpc.ResultDecoder].
func (p inPlace) DecodeResult(data []byte) (int, error) {
	c := jsonrpc.NewCursor(data, 0)
	p.Decode(&c)
	return c.Pos(), c.Err()
}

func checkCount(want, got int) error {
	if got != want {
		return fmt.Errorf("got %d, expected %d", got, want)
	}
	return nil
}

// All ways to decode get the same, so that the benchmarks compare equals.
func TestDecodersAgree(t *testing.T) {
	for _, v := range decodeTools(listOf(t, workload.ManyTools), workload.ManyTools) {
		require.NoError(t, v.do(), v.name)
	}
	for _, tool := range []*workload.Tool{workload.JSON200, workload.JSON10k, workload.JSON1M, workload.Structured10k} {
		for _, v := range decodeResult(resultOf(t, tool), tool) {
			require.NoError(t, v.do(), v.name)
		}
	}
}
