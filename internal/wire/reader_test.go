package wire

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// everything has a result for each decoder, with all members that the decoder knows.
var everything = []struct {
	name string
	dec  func() Decoder
	text string
}{
	{"call", func() Decoder { return new(callToolResult).decoder(false) }, fullCall},
	{"call, raw", func() Decoder { return new(callToolResult).decoder(true) }, fullCall},
	{"tools", func() Decoder { return &Page[tool]{List: &toolList} }, fullTools},
	{"prompts", func() Decoder { return &Page[prompt]{List: &promptList} }, fullPrompts},
	{"prompt", func() Decoder { return new(getPromptResult).decoder(false) }, fullPrompt},
	{"resources", func() Decoder { return &Page[resource]{List: &resourceList} }, fullResources},
	{"templates", func() Decoder { return &Page[template]{List: &templateList} }, fullTemplates},
	{"read", func() Decoder { return new(readResourceResult).decoder(false) }, fullRead},
	{"empty", func() Decoder { return &Empty{} }, `{"_meta":{"a":[1]},"resultType":"complete","x":0}`},
	{"raw", func() Decoder { return &RawResult{Out: new(json.RawMessage)} }, `{"x":[1,{"y":null}],"resultType":"complete"}`},
}

// The fixtures contain all members that a decoder knows. The tests of package mcpclient use them as
// well.
var (
	fullCall      = fixture("call")
	fullTools     = fixture("tools")
	fullPrompts   = fixture("prompts")
	fullPrompt    = fixture("prompt")
	fullResources = fixture("resources")
	fullTemplates = fixture("templates")
	fullRead      = fixture("read")
)

func fixture(name string) string {
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(data))
}

// A result that is truncated anywhere returns an error and does not panic. A complete result
// decodes even if the buffer is longer, and exactly the value is read.
func TestDecodersWholeAndTruncated(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.dec()
			require.NoError(t, decodeText(d, tt.text))
			for n := range len(tt.text) {
				if decodeText(tt.dec(), tt.text[:n]) == nil {
					t.Fatalf("expected an error when cut at %d: %s", n, tt.text[:n])
				}
			}
			c := jsonrpc.NewCursor([]byte(tt.text+`,"id":1}`), 0)
			d.Decode(&c)
			require.NoError(t, c.Err())
			require.Equal(t, len(tt.text), c.Pos())
		})
	}
}

// The buffer is reused for the next message, so no result may refer to it.
func TestDecodersCopyWhatTheyKeep(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			got, want := tt.dec(), tt.dec()
			buf := []byte(tt.text)
			require.NoError(t, Unmarshal(buf, got))
			require.NoError(t, decodeText(want, tt.text))
			for i := range buf {
				buf[i] = '#'
			}
			dropParsed(got)
			dropParsed(want)
			require.Equal(t, want, got)
		})
	}
}

// dropParsed removes parsed templates, which cannot be compared.
func dropParsed(d Decoder) {
	if d, ok := d.(*Page[template]); ok {
		for i := range d.Items {
			d.Items[i].URITemplate = nil
		}
	}
}

// A decoder is reused when a call is retried. No data from the first response may remain.
func TestDecodersCanBeReused(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			used, fresh := tt.dec(), tt.dec()
			require.NoError(t, decodeText(used, tt.text))
			require.NoError(t, decodeText(used, `{}`))
			require.NoError(t, decodeText(fresh, `{}`))
			require.Equal(t, fresh, used)
			require.Empty(t, used.Common().Kind)
		})
	}
}

func TestDecodersResultType(t *testing.T) {
	for _, tt := range everything {
		for _, kind := range []string{"complete", "input_required", "task", "x\u0000"} {
			d := tt.dec()
			text, err := json.Marshal(map[string]string{"resultType": kind})
			require.NoError(t, err)
			require.NoError(t, decodeText(d, string(text)))
			require.Equal(t, mcp.ResultType(kind), d.Common().Kind, tt.name)
		}
		d := tt.dec()
		require.NoError(t, decodeText(d, `{"resultType":null}`))
		require.Empty(t, d.Common().Kind, tt.name)
	}
}

// Every decoder returns the input that the server requires.
func TestDecodersInputRequired(t *testing.T) {
	const text = `{"resultType":"input_required","requestState":"a\/b\ud800","inputRequests":{` +
		`"1":{"method":"elicitation/create","params":{"n":9007199254740993}},"2":{ "method":"future/thing" },"1":{"method":"roots/list"}}}`
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.dec()
			require.NoError(t, decodeText(d, text))
			in := &d.Common().Input
			require.Equal(t, map[string]json.RawMessage{
				"1": json.RawMessage(`{"method":"roots/list"}`),
				"2": json.RawMessage(`{ "method":"future/thing" }`),
			}, in.Requests)
			require.Equal(t, `"a\/b\ud800"`, string(in.State), "to be sent back byte for byte")
			require.Equal(t, "a/b\ufffd", in.StateText())

			require.NoError(t, decodeText(d, `{"inputRequests":null,"requestState":null}`))
			require.Zero(t, *in)
			require.NoError(t, decodeText(d, `{"inputRequests":{},"requestState":""}`))
			require.NotNil(t, in.Requests)
			require.Equal(t, `""`, string(in.State))
		})
	}
}

// Many servers send null for an absent member.
func TestNullIsAbsent(t *testing.T) {
	none := func(names string) string {
		return `"` + strings.Join(strings.Fields(names), `":null,"`) + `":null`
	}
	const shared = ` title description mimeType size annotations icons _meta`
	for decoder, item := range map[string]string{
		"tools":     `{"tools":[{"name":"a",` + none("title description inputSchema outputSchema annotations execution defer_loading icons _meta") + `}],%}`,
		"prompts":   `{"prompts":[{"name":"a",` + none("title description arguments icons _meta") + `}],%}`,
		"resources": `{"resources":[{"uri":"a",` + none("name"+shared) + `}],%}`,
		"templates": `{"resourceTemplates":[{` + none("uriTemplate name"+shared) + `}],%}`,
		"read":      `{"contents":[{"text":"t",` + none("uri mimeType blob _meta") + `}],%}`,
		"prompt":    `{"messages":[{"role":"user","content":{"type":"text",` + none("text annotations _meta") + `}}],%}`,
		"call":      `{"content":[{"type":"resource_link",` + none("uri name"+shared) + `}],%}`,
	} {
		page := none("nextCursor ttlMs cacheScope _meta resultType inputRequests requestState isError")
		got, want := decoderNamed(t, decoder), decoderNamed(t, decoder)
		require.NoError(t, decodeText(got, strings.Replace(item, "%", page, 1)), decoder)
		var bare any
		require.NoError(t, json.Unmarshal([]byte(strings.Replace(item, "%", page, 1)), &bare))
		data, err := json.Marshal(withoutNulls(bare))
		require.NoError(t, err)
		require.NoError(t, decodeText(want, string(data)), decoder)
		dropRaw(got)
		dropRaw(want)
		require.Equal(t, want, got, decoder)
	}
	got := decodeTools(t, `{"tools":[{"name":"a","annotations":{`+
		none("title readOnlyHint destructiveHint idempotentHint openWorldHint")+`}}]}`)
	require.Zero(t, got.Items[0].Annotations)
	got = decodeTools(t, `{"tools":[{"name":"a","execution":{"taskSupport":null},"icons":[{`+none("src mimeType sizes theme")+`}]}]}`)
	require.Equal(t, []mcp.Icon{{}}, got.Items[0].Icons)
}

// withoutNulls removes null members.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
			} else {
				withoutNulls(member)
			}
		}
	case []any:
		for _, element := range v {
			withoutNulls(element)
		}
	}
	return v
}

// dropRaw removes the raw bytes of items. They differ between texts that decode to the same values.
func dropRaw(d Decoder) {
	switch d := d.(type) {
	case *Page[tool]:
		d.Items[0].Raw = nil
	case *Page[prompt]:
		d.Items[0].Raw = nil
	case *Page[resource]:
		d.Items[0].Raw = nil
	case *Page[template]:
		d.Items[0].Raw = nil
	}
}

func TestDecodersWrongTypes(t *testing.T) {
	for _, tt := range []struct{ decoder, text, want string }{
		{"call", `[]`, "expected object"},
		{"call", `null`, "expected object"},
		{"call", `{"isError":"no"}`, "isError: expected boolean, got string"},
		{"call", `{"content":true}`, "content: expected array, got boolean"},
		{"call", `{"isError":2}`, "isError: expected boolean, got number"},
		{"call", `{"resultType":1}`, "resultType: expected string, got number"},
		{"call", `{"requestState":{}}`, "requestState: expected string, got object"},
		{"call", `{"inputRequests":[]}`, "inputRequests: expected object, got array"},
		{"call, raw", `{"isError":"no"}`, "isError: expected boolean, got string"},
		{"call", `{"content":[{"type":"text"},{"a":tru}]}`, "content[1]: jsonrpc: invalid JSON at offset"},
		{"tools", `{"tools":{}}`, "tools: expected array, got object"},
		{"prompt", `{"messages":[{"role":1}]}`, "messages[0].role: expected string, got number"},
		{"prompt", `{"messages":["hi"]}`, "messages[0]: expected object, got string"},
		{"read", `{"contents":{}}`, "contents: expected array, got object"},
	} {
		t.Run(tt.decoder+" "+tt.text, func(t *testing.T) {
			err := decodeText(decoderNamed(t, tt.decoder), tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// If an optional member has a wrong type, only that member is lost.
func TestOptionalMembersOfAWrongType(t *testing.T) {
	d := decoderNamed(t, "tools").(*Page[tool])
	require.NoError(t, decodeText(d, `{"ttlMs":"1","cacheScope":1,"_meta":[],"nextCursor":false,"tools":[{"name":"a","title":1,"description":7,
		"icons":{},"execution":[],"defer_loading":"no","_meta":1,"annotations":{"readOnlyHint":"true","destructiveHint":true,"title":[]}},
		{"name":"b","annotations":[]}]}`))
	require.Empty(t, d.Invalid)
	require.Len(t, d.Items, 2)
	require.Nil(t, d.Next)
	require.False(t, d.Cache.HasTTL)
	require.Nil(t, d.Items[0].Annotations.ReadOnlyHint, "a hint that is no boolean gives no permission")
	require.True(t, *d.Items[0].Annotations.DestructiveHint)
	require.NoError(t, decodeText(d, `{"nextCursor":7,"tools":[]}`))
	require.Equal(t, "7", *d.Next)
	for text, failed := range map[string]bool{`"true"`: true, `"TRUE"`: true, `1`: true, `true`: true, `0`: false, `"false"`: false, `null`: false} {
		require.Equal(t, failed, decodeCall(t, `{"_meta":[],"isError":`+text+`}`).IsError, text)
	}
	want := []mcp.Content{mcp.TextContent{Type: "text", Text: "x"}}
	for _, content := range []string{`{"type":"text","text":"x"}`, `"x"`, `[{"type":"text","text":"x","annotations":[],"_meta":"y"}]`} {
		require.Equal(t, want, decodeCall(t, `{"content":`+content+`}`).Content, content)
	}
	require.NoError(t, decodeText(decoderNamed(t, "empty"), `[]`))
}

// A definition that cannot be read does not affect the others on its page, and its bytes are kept.
func TestPagesSetInvalidItemsAside(t *testing.T) {
	for _, tt := range []struct{ decoder, text, want string }{
		{"tools", `{"tools":[{"name":"a"},7]}`, "expected object at offset 0, got number"},
		{"tools", `{"tools":[{"name":"a"},null]}`, "expected object at offset 0, got null"},
		{"tools", `{"tools":[{"title":"a"}]}`, `no "name"`},
		{"tools", `{"tools":[{"name":5}]}`, "name: expected string, got number"},
		{"tools", `{"tools":[{"name":"a","icons":[{"sizes":[1]}]}]}`, "icons[0].sizes[0]: expected string, got number"},
		{"prompts", `{"prompts":[{"name":"p","arguments":[{"required":1}]}]}`, "arguments[0].required: expected boolean, got number"},
		{"prompts", `{"prompts":[{}]}`, `no "name"`},
		{"resources", `{"resources":[{"uri":"a","size":1.5}]}`, "size: expected a 64-bit integer, got another number"},
		{"resources", `{"resources":[{"name":"a"}]}`, `no "uri"`},
		{"templates", `{"resourceTemplates":[{"uriTemplate":1}]}`, "uriTemplate: expected string, got number"},
	} {
		t.Run(tt.decoder+" "+tt.text, func(t *testing.T) {
			d := decoderNamed(t, tt.decoder)
			list := tt.text[:strings.LastIndexByte(tt.text, ']')] + `,{"name":"good","uri":"good","uriTemplate":"good"}]}`
			require.NoError(t, decodeText(d, list))
			items, invalid := pageOf(d)
			require.Equal(t, strings.Count(tt.text, `{"name":"a"},`)+1, items, "the valid ones")
			require.Len(t, invalid, 1)
			require.ErrorContains(t, invalid[0].Err, tt.want)
			require.Contains(t, tt.text, string(invalid[0].Raw), "the bytes are kept")
		})
	}
	broken := decodeText(decoderNamed(t, "tools"), `{"tools":[{"name":tru}]}`)
	require.ErrorContains(t, broken, "tools[0]", "broken JSON is not an invalid item")
}

func pageOf(d Decoder) (items int, invalid []Invalid) {
	switch d := d.(type) {
	case *Page[tool]:
		return len(d.Items), d.Invalid
	case *Page[prompt]:
		return len(d.Items), d.Invalid
	case *Page[resource]:
		return len(d.Items), d.Invalid
	case *Page[template]:
		return len(d.Items), d.Invalid
	}
	return 0, nil
}

func decoderNamed(t *testing.T, name string) Decoder {
	for _, d := range everything {
		if d.name == name {
			return d.dec()
		}
	}
	t.Fatalf("no decoder %q", name)
	return nil
}

// The name of a member is the peer's text. An error quotes and truncates it, and wraps the reason.
func TestDecodeErrorNames(t *testing.T) {
	name := strings.Repeat("x", 100) + "\n"
	data, err := json.Marshal(map[string]any{"_meta": map[string]any{name: 1}})
	require.NoError(t, err)
	bad := strings.Replace(string(data), ":1}", ":tru}", 1)
	err = decodeText(&Empty{}, bad)
	require.ErrorContains(t, err, `_meta."`+strings.Repeat("x", 40)+`"…: jsonrpc: invalid JSON`)
	var syntax *jsonrpc.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.ErrorContains(t, decodeText(&Empty{}, `{"a\"b":tru}`), `"a\"b": `)
	require.ErrorContains(t, decodeText(&Empty{}, `{"":tru}`), `"": `)

	deep := `{"content":[{"type":"x","a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}]}`
	err = decodeText(new(callToolResult).decoder(false), deep)
	require.True(t, errors.Is(err, jsonrpc.ErrDepth), "%v", err)
}

// A short text must not decode to a large result. Each list is limited, and so is the total of all
// lists.
func TestDecodersLimitTheirResults(t *testing.T) {
	repeat := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	var limit *LimitError
	for decoder, text := range map[string]string{
		"call":    `{"content":` + repeat(`0`, MaxElements+1) + `}`,
		"tools":   `{"tools":` + repeat(`{"name":"a"}`, MaxElements+1) + `}`,
		"prompts": `{"prompts":` + repeat(`{"name":"a","arguments":`+repeat("{}", 999)+`}`, MaxKept/1000+1) + `}`,
	} {
		require.ErrorAs(t, decodeText(decoderNamed(t, decoder), text), &limit, decoder)
	}
	// An item over the limit stays raw, like an invalid one.
	greedy := `{"type":"text","_meta":{` + strings.Repeat(`"a":0,`, MaxKept) + `"b":0}}`
	unknown := decodeCall(t, `{"content":[`+greedy+`]}`).Content[0].(unknownContent)
	require.ErrorAs(t, unknown.Err, &limit)
	require.Equal(t, greedy, string(unknown.Raw))
	require.Len(t, decodeTools(t, `{"tools":`+repeat(`{"name":"a"}`, 1000)+`}`).Items, 1000)
}

func TestRawDecoder(t *testing.T) {
	for _, text := range []string{`null`, `true`, `[1, 2]`, `"x"`, `9007199254740993`, `{ "a": 1 }`} {
		var out json.RawMessage
		d := &RawResult{Out: &out}
		require.NoError(t, decodeText(d, " "+text+" "))
		require.Equal(t, text, string(out))
		require.Empty(t, d.Common().Kind)
	}
}

func TestEmptyDecoderAcceptsAnything(t *testing.T) {
	for _, text := range []string{`null`, `[]`, `"ok"`, `{"a":1}`} {
		require.NoError(t, decodeText(&Empty{}, text))
	}
	require.Error(t, decodeText(&Empty{}, `{`))
}
