package mcpclient

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// everything is a result for each decoder, with all that it knows.
var everything = []struct {
	name string
	dec  func() resultDecoder
	text string
}{
	{"call", func() resultDecoder { return &callToolDecoder{out: new(CallToolResult)} }, fullCall},
	{"call, raw", func() resultDecoder { return &callToolDecoder{out: new(CallToolResult), keepRaw: true} }, fullCall},
	{"tools", func() resultDecoder { return &toolsPageDecoder{out: new(ToolsPage)} }, fullTools},
	{"prompts", func() resultDecoder { return &promptsPageDecoder{out: new(PromptsPage)} }, fullPrompts},
	{"prompt", func() resultDecoder { return &getPromptDecoder{out: new(GetPromptResult)} }, fullPrompt},
	{"resources", func() resultDecoder { return &resourcesPageDecoder{out: new(ResourcesPage)} }, fullResources},
	{"templates", func() resultDecoder { return &templatesPageDecoder{out: new(ResourceTemplatesPage)} }, fullTemplates},
	{"read", func() resultDecoder { return &readResourceDecoder{out: new(ReadResourceResult)} }, fullRead},
	{"empty", func() resultDecoder { return &emptyDecoder{} }, `{"_meta":{"a":[1]},"resultType":"complete","x":0}`},
	{"raw", func() resultDecoder { return &rawDecoder{out: new(json.RawMessage)} }, `{"x":[1,{"y":null}],"resultType":"complete"}`},
}

const (
	annotated = `"annotations":{"audience":["user","assistant","other"],"priority":0.5,"lastModified":"2026-01-12T15:00:58Z","x":1}` +
		`,"_meta":{"a/b":{"n":9007199254740993},"progressToken":7}`
	icons    = `"icons":[{"src":"https://x/i.png","mimeType":"image/png","sizes":["48x48","any"],"theme":"dark","x":1}]`
	fullCall = `{"resultType":"complete","_meta":{"k":"v"},"isError":true,"structuredContent":{"id":9007199254740993},"content":[` +
		`{"type":"text",` + annotated + `,"text":"a\u00e9\n"},` +
		`{"type":"image","data":"AQID","mimeType":"image/png",` + annotated + `},` +
		`{"type":"audio","data":"AQI=","mimeType":"audio/wav",` + annotated + `},` +
		`{"type":"resource_link","uri":"file:///a","name":"a","title":"A","description":"d","mimeType":"text/plain","size":3,` + annotated + `},` +
		`{"type":"resource","resource":{"uri":"file:///a","mimeType":"text/plain","text":"t","_meta":{"m":1}},` + annotated + `},` +
		`{"type":"resource","resource":{"uri":"file:///b","mimeType":"x/y","blob":"AQID"}},` +
		`{"type":"tool_use","id":"1","name":"n","input":{"big":9007199254740993},` + annotated + `},` +
		`{"type":"tool_result","toolUseId":"1","content":[{"type":"text","text":"in"}],"structuredContent":[1],"isError":true,` + annotated + `},` +
		`{"type":"hologram","points":[1,2]}]}`
	fullTools = `{"tools":[{"name":"n","title":"t","description":"d","inputSchema":{ "type":"object" },"outputSchema":{"type":"array"},` +
		`"annotations":{"title":"x","readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false,"later":1},` +
		`"execution":{"taskSupport":"optional","x":1},"defer_loading":true,` + icons + `,"_meta":{"k":"v"},"future":{"a":1}}],` +
		`"nextCursor":"c","ttlMs":1500,"cacheScope":"private","_meta":{"p":1},"resultType":"complete"}`
	fullPrompts = `{"prompts":[{"name":"n","title":"t","description":"d","arguments":[{"name":"a","title":"A","description":"ad",` +
		`"required":true,"x":1}],` + icons + `,"_meta":{"k":"v"},"future":1}],"nextCursor":"c"}`
	fullPrompt = `{"description":"d","messages":[{"role":"user","content":{"type":"text","text":"hi"},"x":1},` +
		`{"role":"assistant","content":{"type":"image","data":"AQID","mimeType":"image/png"}}],"_meta":{"k":"v"}}`
	fullResources = `{"resources":[{"uri":"file:///a","name":"n","title":"t","description":"d","mimeType":"text/plain","size":0,` +
		icons + `,` + annotated + `,"future":1}],"nextCursor":""}`
	fullTemplates = `{"resourceTemplates":[{"uriTemplate":"file:///{path}","name":"n","title":"t","description":"d","mimeType":"x/y",` +
		icons + `,` + annotated + `,"future":1}]}`
	fullRead = `{"contents":[{"uri":"file:///a","mimeType":"text/plain","text":"t","_meta":{"m":9007199254740993}},` +
		`{"uri":"file:///b","blob":"AQID"}],"ttlMs":60000,"cacheScope":"public"}`
)

// decodeText decodes the whole of text.
func decodeText(d resultDecoder, text string) error { return unmarshal([]byte(text), d) }

func decodeCall(t *testing.T, text string) *CallToolResult {
	t.Helper()
	out := new(CallToolResult)
	require.NoError(t, decodeText(&callToolDecoder{out: out}, text))
	return out
}

// Whatever is cut off, there is an error and no panic; whole, it decodes, also
// from a longer buffer, of which exactly the value is read.
func TestDecodersWholeAndTruncated(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.dec()
			require.NoError(t, decodeText(d, tt.text))
			for n := range len(tt.text) {
				if decodeText(tt.dec(), tt.text[:n]) == nil {
					t.Fatalf("no error although cut at %d: %s", n, tt.text[:n])
				}
			}
			c := jsonrpc.NewCursor([]byte(tt.text+`,"id":1}`), 0)
			d.decode(&c)
			require.NoError(t, c.Err())
			require.Equal(t, len(tt.text), c.Pos())
		})
	}
}

// The buffer is used again for the next message, so nothing may alias it.
func TestDecodersCopyWhatTheyKeep(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			got, want := tt.dec(), tt.dec()
			buf := []byte(tt.text)
			require.NoError(t, unmarshal(buf, got))
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
func dropParsed(d resultDecoder) {
	if d, ok := d.(*templatesPageDecoder); ok {
		for i := range d.out.ResourceTemplates {
			d.out.ResourceTemplates[i].URITemplate = nil
		}
	}
}

// A decoder is used again when a call is repeated: nothing of the first answer
// may be left.
func TestDecodersStartAfresh(t *testing.T) {
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			used, fresh := tt.dec(), tt.dec()
			require.NoError(t, decodeText(used, tt.text))
			require.NoError(t, decodeText(used, `{}`))
			require.NoError(t, decodeText(fresh, `{}`))
			require.Equal(t, fresh, used)
			require.Empty(t, used.resultType())
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
			require.Equal(t, mcp.ResultType(kind), d.resultType(), tt.name)
		}
		d := tt.dec()
		require.NoError(t, decodeText(d, `{"resultType":null}`))
		require.Empty(t, d.resultType(), tt.name)
	}
}

// Every decoder lets the caller see what the server wants to know.
func TestDecodersInputRequired(t *testing.T) {
	const text = `{"resultType":"input_required","requestState":"a\/b\ud800","inputRequests":{` +
		`"1":{"method":"elicitation/create","params":{"n":9007199254740993}},"2":{ "method":"future/thing" },"1":{"method":"roots/list"}}}`
	for _, tt := range everything {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.dec()
			require.NoError(t, decodeText(d, text))
			in := d.(interface{ inputRequired() *inputRequired }).inputRequired()
			require.Equal(t, map[string]json.RawMessage{
				"1": json.RawMessage(`{"method":"roots/list"}`),
				"2": json.RawMessage(`{ "method":"future/thing" }`),
			}, in.requests)
			require.Equal(t, `"a\/b\ud800"`, string(in.state), "to be sent back byte for byte")
			require.Equal(t, "a/b\ufffd", in.stateText)

			require.NoError(t, decodeText(d, `{"inputRequests":null,"requestState":null}`))
			require.Zero(t, *in)
			require.NoError(t, decodeText(d, `{"inputRequests":{},"requestState":""}`))
			require.NotNil(t, in.requests)
			require.Equal(t, `""`, string(in.state))
		})
	}
}

// Many servers write null for a member that is not there.
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
	require.Zero(t, got.Tools[0].Annotations)
	got = decodeTools(t, `{"tools":[{"name":"a","execution":{"taskSupport":null},"icons":[{`+none("src mimeType sizes theme")+`}]}]}`)
	require.Equal(t, []mcp.Icon{{}}, got.Tools[0].Icons)
}

// withoutNulls removes the members that are null.
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

// dropRaw removes the bytes of items, which differ when the texts do.
func dropRaw(d resultDecoder) {
	switch d := d.(type) {
	case *toolsPageDecoder:
		d.out.Tools[0].Raw = nil
	case *promptsPageDecoder:
		d.out.Prompts[0].Raw = nil
	case *resourcesPageDecoder:
		d.out.Resources[0].Raw = nil
	case *templatesPageDecoder:
		d.out.ResourceTemplates[0].Raw = nil
	}
}

func TestDecodersWrongKinds(t *testing.T) {
	for _, tt := range []struct{ decoder, text, want string }{
		{"call", `[]`, "object wanted"},
		{"call", `null`, "object wanted"},
		{"call", `{"isError":"no"}`, "isError: boolean wanted, string found"},
		{"call", `{"content":"text"}`, "content: array wanted, string found"},
		{"call", `{"_meta":[]}`, "_meta: object wanted, array found"},
		{"call", `{"resultType":1}`, "resultType: string wanted, number found"},
		{"call", `{"requestState":{}}`, "requestState: string wanted, object found"},
		{"call", `{"inputRequests":[]}`, "inputRequests: object wanted, array found"},
		{"call, raw", `{"isError":"no"}`, "isError: boolean wanted, string found"},
		{"call", `{"content":[{"type":"text"},{"a":tru}]}`, "content[1]: jsonrpc: bad JSON at offset"},
		{"tools", `{"tools":{}}`, "tools: array wanted, object found"},
		{"tools", `{"nextCursor":1}`, "nextCursor: string wanted, number found"},
		{"tools", `{"ttlMs":"1"}`, "ttlMs: number wanted, string found"},
		{"prompt", `{"messages":[{"role":1}]}`, "messages[0].role: string wanted, number found"},
		{"prompt", `{"messages":["hi"]}`, "messages[0]: object wanted, string found"},
		{"read", `{"contents":{}}`, "contents: array wanted, object found"},
		{"empty", `"ok"`, "object wanted"},
	} {
		t.Run(tt.decoder+" "+tt.text, func(t *testing.T) {
			err := decodeText(decoderNamed(t, tt.decoder), tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// One definition that cannot be read costs its page no other, and is not lost.
func TestPagesSetDamagedItemsAside(t *testing.T) {
	for _, tt := range []struct{ decoder, text, want string }{
		{"tools", `{"tools":[{"name":"a"},7]}`, "object wanted at offset 0, number found"},
		{"tools", `{"tools":[{"name":"a"},null]}`, "object wanted at offset 0, null found"},
		{"tools", `{"tools":[{"title":"a"}]}`, `no "name"`},
		{"tools", `{"tools":[{"name":5}]}`, "name: string wanted, number found"},
		{"tools", `{"tools":[{"name":"a","annotations":{"readOnlyHint":"x"}}]}`, "annotations.readOnlyHint: boolean wanted, string found"},
		{"tools", `{"tools":[{"name":"a","icons":[{"sizes":[1]}]}]}`, "icons[0].sizes[0]: string wanted, number found"},
		{"tools", `{"tools":[{"name":"a","_meta":1}]}`, "_meta: object wanted, number found"},
		{"prompts", `{"prompts":[{"name":"p","arguments":[{"required":1}]}]}`, "arguments[0].required: boolean wanted, number found"},
		{"prompts", `{"prompts":[{}]}`, `no "name"`},
		{"resources", `{"resources":[{"uri":"a","size":1.5}]}`, "size: integer of 64 bits wanted, another number found"},
		{"resources", `{"resources":[{"name":"a"}]}`, `no "uri"`},
		{"resources", `{"resources":[{"uri":"a","annotations":{"priority":"1"}}]}`, "annotations.priority: number wanted, string found"},
		{"templates", `{"resourceTemplates":[{"uriTemplate":1}]}`, "uriTemplate: string wanted, number found"},
	} {
		t.Run(tt.decoder+" "+tt.text, func(t *testing.T) {
			d := decoderNamed(t, tt.decoder)
			list := tt.text[:strings.LastIndexByte(tt.text, ']')] + `,{"name":"good","uri":"good","uriTemplate":"good"}]}`
			require.NoError(t, decodeText(d, list))
			items, damaged := pageOf(d)
			require.Equal(t, strings.Count(tt.text, `{"name":"a"},`)+1, items, "the good ones")
			require.Len(t, damaged, 1)
			require.ErrorContains(t, damaged[0].Err, tt.want)
			require.Contains(t, tt.text, string(damaged[0].Raw), "the bytes are kept")
		})
	}
	broken := decodeText(decoderNamed(t, "tools"), `{"tools":[{"name":tru}]}`)
	require.ErrorContains(t, broken, "tools[0]", "broken JSON is nobody's item")
}

func pageOf(d resultDecoder) (items int, damaged []DamagedItem) {
	switch d := d.(type) {
	case *toolsPageDecoder:
		return len(d.out.Tools), d.out.Damaged
	case *promptsPageDecoder:
		return len(d.out.Prompts), d.out.Damaged
	case *resourcesPageDecoder:
		return len(d.out.Resources), d.out.Damaged
	case *templatesPageDecoder:
		return len(d.out.ResourceTemplates), d.out.Damaged
	}
	return 0, nil
}

func decoderNamed(t *testing.T, name string) resultDecoder {
	for _, d := range everything {
		if d.name == name {
			return d.dec()
		}
	}
	t.Fatalf("no decoder %q", name)
	return nil
}

// The name of a member is the peer's text: it is quoted and cut in an error, and
// the reason stays reachable.
func TestDecodeErrorNames(t *testing.T) {
	name := strings.Repeat("x", 100) + "\n"
	data, err := json.Marshal(map[string]any{"_meta": map[string]any{name: 1}})
	require.NoError(t, err)
	bad := strings.Replace(string(data), ":1}", ":tru}", 1)
	err = decodeText(&emptyDecoder{}, bad)
	require.ErrorContains(t, err, `_meta."`+strings.Repeat("x", 40)+`"…: jsonrpc: bad JSON`)
	var syntax *jsonrpc.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.ErrorContains(t, decodeText(&emptyDecoder{}, `{"a\"b":tru}`), `"a\"b": `)
	require.ErrorContains(t, decodeText(&emptyDecoder{}, `{"":tru}`), `"": `)

	deep := `{"content":[{"type":"x","a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + `}]}`
	err = decodeText(&callToolDecoder{out: new(CallToolResult)}, deep)
	require.True(t, errors.Is(err, jsonrpc.ErrDepth), "%v", err)
}

// A short text must not become a large result: lists are bounded, each and together.
func TestDecodersBoundWhatTheyBuild(t *testing.T) {
	repeat := func(element string, n int) string { return "[" + strings.Repeat(element+",", n-1) + element + "]" }
	var limit *LimitError
	for decoder, text := range map[string]string{
		"call":    `{"content":` + repeat(`0`, maxElements+1) + `}`,
		"tools":   `{"tools":` + repeat(`{"name":"a"}`, maxElements+1) + `}`,
		"prompts": `{"prompts":` + repeat(`{"name":"a","arguments":`+repeat("{}", 999)+`}`, maxKept/1000+1) + `}`,
	} {
		require.ErrorAs(t, decodeText(decoderNamed(t, decoder), text), &limit, decoder)
	}
	// An item that goes too far stays raw, as a damaged one does.
	greedy := `{"type":"text","_meta":{` + strings.Repeat(`"a":0,`, maxKept) + `"b":0}}`
	unknown := decodeCall(t, `{"content":[`+greedy+`]}`).Content[0].(UnknownContent)
	require.ErrorAs(t, unknown.Err, &limit)
	require.Equal(t, greedy, string(unknown.Raw))
	require.Len(t, decodeTools(t, `{"tools":`+repeat(`{"name":"a"}`, 1000)+`}`).Tools, 1000)
}

func TestRawDecoder(t *testing.T) {
	for _, text := range []string{`null`, `true`, `[1, 2]`, `"x"`, `9007199254740993`, `{ "a": 1 }`} {
		var out json.RawMessage
		d := &rawDecoder{out: &out}
		require.NoError(t, decodeText(d, " "+text+" "))
		require.Equal(t, text, string(out))
		require.Empty(t, d.resultType())
	}
}

func TestEmptyDecoderTakesNull(t *testing.T) {
	require.NoError(t, decodeText(&emptyDecoder{}, `null`))
	require.Error(t, decodeText(&emptyDecoder{}, `[]`))
}
