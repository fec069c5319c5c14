package mcpclient_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// generator generates JSON texts that a careless decoder would change. They contain no line breaks,
// because a line break would split an event of a stream.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 1))} }

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

func (g generator) number() string {
	return g.pick("9007199254740993", "-9007199254740993", "18446744073709551616", "123456789012345678901234567890",
		"1e400", "-0", "0.1000", "1E+2", "-0.0e-0", "3", "2.50")
}

func (g generator) text() string {
	return g.pick(`""`, `"plain"`, `"ünï 日本語 🎈"`, `"\u0041\/\b"`, `"\ud83d\ude00"`, `"\ud800"`, `"<&>"`, `"\u2028"`, "\"\u2028\"", `"a\"b\\"`)
}

// space returns white space to put between tokens. A decoder must preserve it in raw bytes.
func (g generator) space() string { return g.pick("", "", "", " ", "\t", "  ") }

func (g generator) value(depth int) string {
	switch n := g.IntN(8); {
	case depth > 0 && n < 2:
		return g.object(depth-1, g.IntN(4))
	case depth > 0 && n < 4:
		items := make([]string, g.IntN(4))
		for i := range items {
			items[i] = g.space() + g.value(depth-1) + g.space()
		}
		return "[" + strings.Join(items, ",") + "]"
	case n < 6:
		return g.number()
	case n == 6:
		return g.text()
	default:
		return g.pick("null", "true", "false")
	}
}

// object returns an object with the given members and some random members.
func (g generator) object(depth, n int, members ...string) string {
	all := append([]string{}, members...)
	for i := range n {
		all = append(all, fmt.Sprintf(`"%s%d"%s:%s%s`, g.pick("x-k", "ü", `\u0062`, "$c", " "), i, g.space(), g.space(), g.value(depth)))
	}
	g.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return "{" + g.space() + strings.Join(all, g.space()+","+g.space()) + g.space() + "}"
}

// schema returns an input or output schema with unknown keywords.
func (g generator) schema(depth int) string {
	members := []string{`"type":"object"`, `"x-unknown":` + g.value(2), `"default":` + g.value(2), `"minProperties":` + g.pick("0", "9007199254740993")}
	if depth > 0 {
		members = append(members, `"properties":{"a":`+g.schema(depth-1)+`,"ü":{"enum":[`+g.number()+`]}}`, `"$defs":{"d":`+g.schema(depth-1)+`}`)
	}
	return g.object(2, 3, members...)
}

// definition returns the definition of a random tool and the tool's schemas.
type definition struct{ raw, input, output string }

func (g generator) definition(name string) definition {
	d := definition{input: g.schema(2), output: g.schema(1)}
	members := []string{`"name":"` + name + `"`, `"inputSchema":` + d.input, `"_meta":` + g.object(2, 2), `"annotations":` + g.object(1, 2)}
	if g.IntN(3) == 0 {
		d.output = ""
	} else {
		members = append(members, `"outputSchema":`+d.output)
	}
	d.raw = g.object(3, 4, members...)
	return d
}

// A listed tool retains the server's definition of the tool byte for byte.
func TestPropertyListLosesNothing(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		for seed := range uint64(40) {
			g := newGenerator(seed)
			var (
				want []definition
				raws []jsonRaw
			)
			for i := range 1 + g.IntN(5) {
				want = append(want, g.definition(fmt.Sprint("tool", i)))
				raws = append(raws, jsonRaw(want[i].raw))
			}
			serveDefinitions(srv, raws)
			page, err := s.ListTools(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, page.Items, len(want), "seed %d: %v", seed, page.Invalid)
			for i, tool := range page.Items {
				require.Equal(t, want[i].raw, string(tool.Raw), "seed %d", seed)
				require.Equal(t, want[i].input, string(tool.RawInputSchema), "seed %d", seed)
				require.Equal(t, want[i].output, string(tool.RawOutputSchema), "seed %d", seed)
			}
		}
	})
}

// toolResult is a random result: its bytes, its structured content, and the content items that do
// not fit any type of package mcp.
type toolResult struct {
	raw, structured string
	content         []string
	unknown         map[int]string
}

func (g generator) result(structured string) toolResult {
	r := toolResult{structured: structured, unknown: make(map[int]string)}
	for i := range g.IntN(5) {
		var item string
		switch g.IntN(4) {
		case 0:
			item = g.object(1, 1, `"type":"text"`, `"text":`+g.text())
		case 1:
			data := base64.StdEncoding.EncodeToString([]byte(g.text()))
			item = g.object(1, 1, `"type":"image"`, `"mimeType":"image/png"`, `"data":"`+data+`"`)
		case 2:
			item = g.object(1, 1, `"type":"`+g.pick("image", "audio")+`"`, `"mimeType":"image/png"`, `"data":"`+g.pick("!", "a", "====", "ü")+`"`)
			r.unknown[i] = item
		default:
			item = g.object(3, 3, `"type":"`+g.pick("hologram", "Text", "")+`"`, `"n":`+g.number())
			r.unknown[i] = item
		}
		r.content = append(r.content, item)
	}
	r.raw = g.object(3, 3, `"resultType":"complete"`, `"content":[`+strings.Join(r.content, ",")+`]`,
		`"structuredContent":`+structured, `"_meta":`+g.object(2, 2))
	return r
}

// A call result retains what the tool returned byte for byte, and no decoded integer loses a digit.
func TestPropertyCallLosesNothing(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		for seed := range uint64(40) {
			g := newGenerator(seed)
			integer := g.pick("9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808")
			want := g.result(g.object(3, 3, `"integer":`+integer))
			srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				answerRaw(srv, w, m, []byte(want.raw))
				return true
			})
			res, err := s.CallTool(t.Context(), "echo", nil, mcpclient.WithRawResult())
			require.NoError(t, err)
			want.check(t, res, seed)
			typed, err := mcpclient.Decode[struct {
				Integer json.Number `json:"integer"`
			}](res)
			require.NoError(t, err)
			require.Equal(t, integer, typed.Integer.String(), "seed %d", seed)
			loose, err := mcpclient.Decode[map[string]any](res)
			require.NoError(t, err)
			require.Equal(t, json.Number(integer), loose["integer"], "seed %d", seed)
			raw, err := mcpclient.Decode[json.RawMessage](res)
			require.NoError(t, err)
			require.Equal(t, want.structured, string(raw), "seed %d", seed)
		}
	})
}

func (r toolResult) check(t *testing.T, res *mcpclient.CallToolResult, seed uint64) {
	t.Helper()
	require.Equal(t, r.raw, string(res.Raw), "seed %d", seed)
	require.Equal(t, r.structured, string(res.RawStructuredContent), "seed %d", seed)
	require.Len(t, res.Content, len(r.content), "seed %d", seed)
	for i, item := range res.Content {
		unknown, isUnknown := item.(mcpclient.UnknownContent)
		raw, want := r.unknown[i]
		require.Equal(t, want, isUnknown, "seed %d: %s as %T", seed, r.content[i], item)
		if want {
			require.Equal(t, raw, string(unknown.Raw), "seed %d", seed)
		}
	}
}

// A typed call validates and decodes integers without losing digits.
func TestPropertyTypedCallKeepsIntegers(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		next := ""
		add(srv, "n", func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			return jsonRaw(`{"content":[],"structuredContent":{"n":` + next + `}}`), nil
		})
		s := serve(t, srv, mcpclient.Options{})
		g := newGenerator(7)
		for range 20 {
			n := int64(1)<<53 + g.Int64N(1<<62)
			typedTools(srv, map[string]string{"n": fmt.Sprintf(`{"properties":{"n":{"const":%d}}}`, n)})
			listed(t, s)
			next = fmt.Sprint(n)
			out, err := mcpclient.Call[any, map[string]int64](t.Context(), s, "n", nil)
			require.NoError(t, err)
			require.Equal(t, n, out["n"])
			next = fmt.Sprint(n + 1)
			_, err = mcpclient.Call[any, map[string]int64](t.Context(), s, "n", nil)
			require.ErrorAs(t, err, new(*mcpclient.SchemaError))
		}
	})
}
