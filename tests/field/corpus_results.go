package field

import (
	"context"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// tools replies with a list of two tools: the valid tool "t" and the other one.
func tools(other string) Answer {
	return result(`{"tools":[{"name":"t","inputSchema":{"type":"object"}},` + other + `],"ttlMs":0,"cacheScope":"private"}`)
}

// walks serves a tool list: the first page, and for each cursor the answer in pages. It refuses
// other cursors.
func walks(first string, pages map[string]Answer) Script {
	return always("tools/list", func(x *Exchange) bool {
		if x.cursor == nil {
			return result(first)(x)
		}
		answer, ok := pages[*x.cursor]
		if !ok {
			answer = rpcError(200, `{"code":-32602,"message":"Invalid cursor"}`)
		}
		return answer(x)
	})
}

// page1 returns a page with the tool "t" and the cursor, given in JSON.
func page1(cursor string) string {
	return `{"tools":[{"name":"t","inputSchema":{"type":"object"}}],"nextCursor":` + cursor + `,"ttlMs":0,"cacheScope":"private"}`
}

// listed lists the tools and then calls "t".
func listed(ctx context.Context, p *Play) (string, error) {
	if _, err := list(ctx, p); err != nil {
		return "", err
	}
	return call(ctx, p)
}

// gets returns one script per result of a call.
func gets(results ...string) []Script {
	answers := make([]Answer, len(results))
	for i, r := range results {
		answers[i] = result(r)
	}
	return each("tools/call", answers...)
}

// has is the expected result of a list that has both tools.
func has() Want { return gives("t, u").note("works: the list is complete") }

var results = []Quirk{
	{
		ID: "S4", Kind: Results, Sends: "the last page has `\"nextCursor\":\"\"`",
		Sources: []string{"modelcontextprotocol/java-sdk#575", "modelcontextprotocol/java-sdk#628", "modelcontextprotocol/csharp-sdk#1072"},
		Scripts: one(walks(page1(`""`), map[string]Answer{"": result(page1(`""`))})), Do: list, Want: gives("t").note("works: treated as the end of the list"),
		CLI: prints("tools $URL", "t"),
	},
	{
		ID: "S13", Kind: Results, Sends: "a tool requires tasks: its taskSupport is “required”",
		Sources: []string{"2025-11-25, Tasks"}, Eras: Legacy,
		Scripts: one(always("tools/list", result(`{"tools":[{"name":"t","inputSchema":{"type":"object"},"execution":{"taskSupport":"required"}}]}`))),
		Do:      listed, Want: fails(mcpclient.KindInvalid, mcpclient.NotRun, "task").calls(none),
		CLI: complains("call $URL t", "task"),
	},
	{
		ID: "S14c", Kind: Results, Sends: "an optional member of a tool has the wrong type",
		Sources: []string{"hand-written servers"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":"true"}}`), tools(`{"name":"u","inputSchema":{"type":"object"},"annotations":[]}`),
			tools(`{"name":"u","inputSchema":{"type":"object"},"icons":{}}`), tools(`{"name":"u","inputSchema":{"type":"object"},"description":5}`)),
		Do: list, Want: has(),
	},
	{
		ID: "S18", Kind: Results, Sends: "an input schema has x-mcp-header inside items of a property named default or enum",
		Sources: []string{"2026-07-28, x-mcp-header"}, Eras: Modern,
		Scripts: each("tools/list",
			tools(`{"name":"u","inputSchema":{"type":"object","properties":{"default":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}}`),
			tools(`{"name":"u","inputSchema":{"type":"object","properties":{"enum":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}}}`)),
		Do: list, Want: gives("t; 1 invalid").note("works: only that tool is reported as invalid"),
	},
	{
		ID: "S19", Kind: Results, Sends: "the server refuses a cursor with −32602 in the middle of a list",
		Sources: []string{"2026-07-28, Pagination"},
		Scripts: one(on("tools/list", result(page1(`"a"`)), rpcError(200, `{"code":-32602,"message":"Invalid cursor"}`))), Do: list,
		Want: gives("t").note("works: the session lists from the first page again"),
	},
	{
		ID: "F82", Kind: Results, Sends: "an input schema has `\"properties\":[]`",
		Sources: []string{"opgginc/laravel-mcp-server#74", "modelcontextprotocol/php-sdk#411"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":{"type":"object","properties":[]}}`)), Do: list, Want: has(),
	},
	{
		ID: "F83", Kind: Results, Sends: "a tool has no input schema, or a null one",
		Sources: []string{"koala73/worldmonitor#3677"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":null}`), tools(`{"name":"u"}`)), Do: list, Want: has(),
	},
	{
		ID: "F84", Kind: Results, Sends: "the tool list contains a null entry",
		Sources: []string{"cognizant-ai-lab/neuro-san#1341"},
		Scripts: each("tools/list", tools(`null`)), Do: list, Want: gives("t; 1 invalid").note("works: only that entry is reported as invalid"),
	},
	{
		ID: "F85", Kind: Results, Sends: "an input schema has `\"required\":null`",
		Sources: []string{"anthropics/claude-code#44364"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":{"type":"object","required":null}}`)), Do: list, Want: has(),
	},
	{
		ID: "F86", Kind: Results, Sends: "an output schema has the type array, or two types",
		Sources: []string{"kenn-io/msgvault#626"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":{},"outputSchema":{"type":"array"}}`), tools(`{"name":"u","inputSchema":{},"outputSchema":{"type":["null","array"]}}`)),
		Do:      list, Want: has(),
	},
	{
		ID: "F87", Kind: Results, Sends: "the annotations of a tool contain null hints",
		Sources: []string{"r33drichards/mcp-js#117"},
		Scripts: each("tools/list", tools(`{"name":"u","inputSchema":{},"annotations":{"readOnlyHint":null,"title":null},"execution":null}`)), Do: list, Want: has(),
	},
	{
		ID: "F88", Kind: Results, Sends: "tool names contain dots, slashes and spaces",
		Sources: []string{"github/copilot-cli#2581"},
		Scripts: each("tools/list", tools(`{"name":"a.b/c d","inputSchema":{}}`)), Do: list, Want: gives("t, a.b/c d").note("works: the names are kept unchanged"),
	},
	{
		ID: "F89", Kind: Results, Sends: "the last page has `\"nextCursor\":null`",
		Sources: []string{"Hmbown/Codewhale#5335"},
		Scripts: one(walks(page1(`null`), nil)), Do: list, Want: gives("t").note("works: treated as the end of the list"),
	},
	{
		ID: "F89b", Kind: Results, Sends: "nextCursor is false or a number",
		Sources: []string{"PHP servers"},
		Scripts: []Script{walks(page1(`false`), nil)}, Do: list, Want: gives("t").note("works: treated as the end of the list"),
	},
	{
		ID: "F89d", Kind: Results, Sends: "a call of a tool that does not exist is answered with −32601",
		Sources: []string{"fastmcp and mcp-lite on npm", "modelcontextprotocol/php-sdk#423"},
		Scripts: each("tools/call", rpcError(200, `{"code":-32601,"message":"Method not found"}`)),
		Want:    fails(mcpclient.KindServer, mcpclient.Answered, "-32601"),
		CLI:     complains("call $URL t --no-check", "-32601", "hawser tools http://127.0.0.1/mcp"),
	},
	{
		ID: "F89c", Kind: Results, Sends: "every cursor leads to the same page",
		Sources: []string{"servers that ignore cursors"},
		Scripts: one(walks(page1(`"x"`), map[string]Answer{"x": result(page1(`"x"`))})), Do: list,
		Want: fails(mcpclient.KindProtocol, mcpclient.Answered, "cursor"),
	},
	{
		ID: "F90", Kind: Results, Sends: "the result has structuredContent but no content, or null content",
		Sources: []string{"modelcontextprotocol/python-sdk#1796"},
		Scripts: gets(`{"structuredContent":{"a":1}}`, `{"content":null,"structuredContent":{"a":1}}`), Want: gives(`{"a":1}`).calls(1).note("works"),
	},
	{
		ID: "F91", Kind: Results, Sends: "content is a single object instead of an array",
		Sources: []string{"symfony/ai#123"},
		Scripts: gets(`{"content":{"type":"text","text":"ok"},"isError":false}`), Want: works(),
	},
	{
		ID: "F91b", Kind: Results, Sends: "isError is a string or a number; `_meta` is an array",
		Sources: []string{"PHP servers"},
		Scripts: gets(`{"content":[{"type":"text","text":"ok"}],"isError":0}`, `{"content":[{"type":"text","text":"ok"}],"isError":"false"}`, `{"content":[{"type":"text","text":"ok"}],"_meta":[]}`),
		Want:    works(),
	},
	{
		ID: "F92", Kind: Results, Sends: "the result has `toolResult` (2024-10) or other members instead of content",
		Sources: []string{"cloudflare/mcp-server-cloudflare#12"},
		Scripts: gets(`{"toolResult":{"a":1}}`, `{"a":1}`), Want: gives("").calls(1).note("works; the result has no content"),
	},
	{
		ID: "F93", Kind: Results, Sends: "the result has content of the unknown type json, error or application/json",
		Sources: []string{"QuantGeekDev/mcp-framework#130"},
		Scripts: gets(`{"content":[{"type":"json","json":{}},{"type":"text","text":"ok"}]}`, `{"content":[{"type":"error","error":"x"},{"type":"text","text":"ok"}]}`),
		Want:    gives("UnknownContent ok").calls(1).note("works: the item becomes UnknownContent"),
	},
	{
		ID: "F94", Kind: Results, Sends: "image data has the prefix `data:image/png;base64,`",
		Sources: []string{"nota/gyazo-mcp-server#129"},
		Scripts: gets(`{"content":[{"type":"image","data":"data:image/png;base64,iVBORw0KGgo=","mimeType":"image/png"},{"type":"text","text":"ok"}]}`),
		Want:    gives("UnknownContent ok").calls(1).note("works: the item becomes UnknownContent"),
		CLI:     prints("call $URL t", "ok"),
	},
	{
		ID: "F95", Kind: Results, Sends: "structuredContent is an array",
		Sources: []string{"t8y2/dbx#9147", "rookslog/zlibrary-mcp#179", "WordPress/mcp-adapter#253"},
		Scripts: gets(`{"content":[{"type":"text","text":"ok"}],"structuredContent":[1]}`), Want: gives("ok [1]").calls(1).note("works"),
	},
	{
		ID: "F96", Kind: Results, Sends: "the tool declares an output schema, but the result has no structuredContent",
		Sources: []string{"cristianuibar/bricks-mcp#45"},
		Scripts: one(always("tools/list", result(`{"tools":[{"name":"t","inputSchema":{},"outputSchema":{"type":"object","required":["a"]}}],"ttlMs":0,"cacheScope":"private"}`))),
		Do:      listed, Want: works().calls(1),
	},
	{
		ID: "F97", Kind: Results, Sends: "all annotations and `_meta` members of the result are null",
		Sources: []string{"Azure/data-api-builder#3599"},
		Scripts: gets(`{"content":[{"type":"text","text":"ok","annotations":null,"_meta":null}],"_meta":null}`), Want: works(),
	},
}
