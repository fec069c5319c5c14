package field

import (
	"net/http"

	"github.com/hawser-mcp/hawser/mcpclient"
)

var content = []Quirk{
	{
		ID: "S14", Kind: Content, Sends: "the JSON body begins with a byte-order mark",
		Sources: []string{".NET and PHP servers"},
		Scripts: each("tools/call", message("\ufeff$OK"), sse("\ufeffdata: $OK\n\n")), Want: works(),
	},
	{
		ID: "S14b", Kind: Content, Sends: "the response has `Content-Type: application/json, application/json`, or the header twice",
		Sources: []string{"microsoft/vscode#259251"},
		Scripts: each("tools/call", as(200, "application/json, application/json", "$OK"), with("Content-Type", typeJSON, func(x *Exchange) bool {
			x.w.Header().Add("Content-Type", typeJSON)
			x.w.WriteHeader(http.StatusOK)
			x.write("$OK")
			return true
		})),
		Want: works(),
	},
	{
		ID: "F50", Kind: Content, Sends: "a JSON body is labelled text/event-stream",
		Sources: []string{"envoyproxy/ai-gateway#2218"},
		Scripts: each("tools/call", as(200, typeEvents, "$OK")), Want: works(),
	},
	{
		ID: "F51", Kind: Content, Sends: "an event stream is labelled application/json",
		Sources: []string{"Megabit/Blazorise#6621"},
		Scripts: each("tools/call", message(event)), Want: works(),
	},
	{
		ID: "F52", Kind: Content, Sends: "a complete JSON answer is labelled text/plain, text/html or another JSON type",
		Sources: []string{"anthropics/claude-ai-mcp#154"},
		Scripts: each("tools/call", text(200, "$OK"), page(200, "$OK"), as(200, "application/octet-stream", "$OK"), as(200, "application/json-rpc", "$OK")),
		Want:    works(),
		CLI:     prints("call $URL t", "ok"),
	},
	{
		ID: "F52b", Kind: Content, Sends: "a call is answered with an HTML page labelled text/html",
		Sources: []string{"servers behind a web application"},
		Scripts: each("tools/call", page(200, "<html>Welcome</html>")), Want: fails(mcpclient.KindProtocol, mcpclient.Unknown, "text/html"),
	},
	{
		ID: "F53", Kind: Content, Sends: "the content type is `application/json;charset=UTF-8`, in upper or lower case",
		Sources: []string{"envoyproxy/ai-gateway#2568", "envoyproxy/ai-gateway#2587"},
		Scripts: each("tools/call", as(200, "application/json;charset=UTF-8", "$OK"), as(200, "Application/JSON; charset=utf-8", "$OK"),
			as(200, "Text/Event-Stream; charset=UTF-8", event)),
		Want: works(),
	},
	{
		ID: "F55", Kind: Content, Sends: "JSON or an event stream is compressed with gzip although the client did not request it",
		Sources: []string{"envoyproxy/ai-gateway#1996"},
		Scripts: each("tools/call", zipped(typeJSON, "$OK"), zipped(typeEvents, event)), Want: works(),
		CLI: prints("call $URL t", "ok"),
	},
	{
		ID: "F55b", Kind: Content, Sends: "the body is compressed in another way than gzip, or without Content-Encoding",
		Sources: []string{"envoyproxy/ai-gateway#1996"},
		Scripts: each("tools/call", with("Content-Encoding", "br", message("\x13\xe5p")), message("\x13\xe5p")),
		Want:    fails(mcpclient.KindProtocol, mcpclient.Unknown, "tools/call"),
	},
	{
		ID: "F56", Kind: Content, Sends: "Content-Length is greater than the body of the answer to a call",
		Sources: []string{"wso2/api-platform#2885"},
		Scripts: each("tools/call", with("Content-Length", "1000", message(`{"jsonrpc":`))),
		Want:    fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "unexpected EOF"),
	},
	{
		ID: "F56b", Kind: Content, Sends: "Content-Length is greater than the body of the answer to tools/list",
		Sources: []string{"wso2/api-platform#2885"},
		Scripts: each("tools/list", with("Content-Length", "1000", message(`{"jsonrpc":`))), Do: list, Want: gives("t").note("works: the session requests the list again"),
	},
	{
		ID: "F57", Kind: Content, Sends: "a text contains bytes that are not UTF-8",
		Sources: []string{"DeusData/codebase-memory-mcp#511"},
		Scripts: each("tools/call", result("{\"content\":[{\"type\":\"text\",\"text\":\"a\xb0b\"}]}")), Want: gives("a\ufffdb").calls(1).note("works; the text has U+FFFD in place of the invalid part"),
		CLI: prints("call $URL t", "a\ufffdb"),
	},
	{
		ID: "F58", Kind: Content, Sends: "a text contains a lone surrogate",
		Sources: []string{"microsoft/playwright-mcp#1410"},
		Scripts: each("tools/call", result(`{"content":[{"type":"text","text":"a\ud83db"}]}`)), Want: gives("a\ufffdb").calls(1).note("works; the text has U+FFFD in place of the invalid part"),
	},
	{
		ID: "F59", Kind: Content, Sends: "a call is answered with 200, application/json and no body",
		Sources: []string{"WordPress/mcp-adapter#195"},
		Scripts: each("tools/call", message("")), Want: fails(mcpclient.KindProtocol, mcpclient.Unknown, "tools/call"),
	},
	{
		ID: "F59b", Kind: Content, Sends: "a call is answered with 202 or 204 and no body",
		Sources: []string{"modelcontextprotocol/python-sdk#1661"},
		Scripts: each("tools/call", status(202), status(204)), Want: fails(mcpclient.KindProtocol, mcpclient.Unknown, "tools/call"),
	},
}
