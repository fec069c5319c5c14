package field

import (
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// hello returns an initialize result with the given version and capabilities.
func hello(version, capabilities string) string {
	return `{"protocolVersion":"` + version + `","capabilities":` + capabilities + `,"serverInfo":{"name":"f","version":"1"}}`
}

// offers returns one script per argument: a legacy server that declares these capabilities.
func offers(capabilities ...string) []Script {
	scripts := make([]Script, len(capabilities))
	for i, c := range capabilities {
		scripts[i] = on("initialize", initialized(hello("2025-11-25", c)))
	}
	return scripts
}

// discovers returns one script per argument: a modern server that declares these capabilities.
func discovers(capabilities ...string) []Script {
	scripts := make([]Script, len(capabilities))
	for i, c := range capabilities {
		scripts[i] = always("server/discover", result(`{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":`+c+`}`))
	}
	return scripts
}

// unlessOlder gives the answer to initialize requests with version 2025-11-25. It accepts older
// versions.
func unlessOlder(answer Answer) Script {
	return all(always("initialize", when(says("2025-11-25"), answer)), on("initialize", initialized(hello("2025-06-18", `{"tools":{}}`))))
}

var negotiation = []Quirk{
	{
		ID: "S1", Kind: Negotiation, Sends: "a proxy forwards server/discover to a legacy server and turns its error −32601 into a 404 with the ID of the request",
		Sources: []string{"supergateway 4"}, Eras: Legacy,
		Scripts: one(on("server/discover", rpcError(404, `{"code":-32601,"message":"Method not found"}`))), Want: works(),
	},
	{
		ID: "S2", Kind: Negotiation, Sends: "a Streamable HTTP server negotiates the protocol version 2024-11-05",
		Sources: []string{"TypeScript SDK 1.10", "pgedge-postgres-mcp#277"}, Eras: Legacy,
		Scripts: one(on("initialize", initialized(hello("2024-11-05", `{"tools":{}}`)))), Want: works(),
	},
	{
		ID: "S10", Kind: Negotiation, Sends: "server/discover is never answered, or a gateway that allows only listed methods refuses it with 403",
		Sources: []string{"gateways with a list of methods"}, Eras: Legacy,
		Scripts: eachAlways("server/discover", never, text(403, "method not allowed"), object(403, `{"error":"method not allowed"}`)), Want: works(),
	},
	{
		ID: "S11", Kind: Negotiation, Sends: "initialize with version 2025-11-25 is refused instead of negotiated; the error lists the supported versions",
		Sources: []string{"python-sdk servers behind version checks"}, Eras: Legacy,
		Scripts: []Script{
			unlessOlder(rpcError(400, `{"code":-32000,"message":"Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26)"}`)),
			unlessOlder(rpcError(200, `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2025-06-18"],"requested":"2025-11-25"}}`)),
		},
		Want: works().sessions(2),
	},
	{
		ID: "S12", Kind: Negotiation, Sends: "an HTTP+SSE server of 2024-11-05 refuses POST and sends its event endpoint in reply to GET",
		Sources: []string{"servers at /sse"}, Eras: Legacy,
		Scripts: []Script{oldSSE(page(404, "<html>Cannot POST /sse</html>")), oldSSE(status(405))},
		Want:    refused(mcpclient.KindProtocol, "HTTP+SSE", "2024-11-05"),
		CLI:     complains("tools $URL", "HTTP+SSE", "2024-11-05", "Streamable HTTP"),
	},
	{
		ID: "F1", Kind: Negotiation, Sends: "capabilities.tools is an array of tools or true",
		Sources: []string{"springfall2008/batpred#3496"}, Eras: Legacy,
		Scripts: offers(`{"tools":[{"name":"x"}]}`, `{"tools":true}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F2", Kind: Negotiation, Sends: "a PHP server encodes empty objects as [], both capabilities and its members",
		Sources: []string{"logiscape/mcp-sdk-php#1"}, Eras: Legacy,
		Scripts: offers(`[]`, `{"tools":[]}`, `{"tools":{},"experimental":[]}`, `{"tools":{},"logging":[],"prompts":null}`), Want: works(),
	},
	{
		ID: "F2b", Kind: Negotiation, Sends: "the server/discover result has capabilities that are arrays, true or null",
		Sources: []string{"springfall2008/batpred#3496", "logiscape/mcp-sdk-php#1"}, Eras: Modern,
		Scripts: discovers(`{"tools":[{"name":"x"}]}`, `{"tools":true}`, `[]`, `{"tools":{},"experimental":[],"prompts":null}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F3", Kind: Negotiation, Sends: "the initialize result lacks serverInfo or serverInfo.version",
		Sources: []string{"asciimoo/hister#363"}, Eras: Legacy,
		Scripts: each("initialize", initialized(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"f"}}`),
			initialized(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}`)),
		Want: works(),
	},
	{
		ID: "F4", Kind: Negotiation, Sends: "the initialize result lacks protocolVersion",
		Sources: []string{"automateyournetwork/pyATS_MCP#1", "ian-cowley/MCPSqlServer#3"}, Eras: Legacy,
		Scripts: one(always("initialize", initialized(`{"capabilities":{"tools":{}},"serverInfo":{"name":"f","version":"1"}}`))),
		Want:    refused(mcpclient.KindVersion, "no protocol version"),
		CLI:     complains("tools $URL", "no protocol version"),
	},
	{
		ID: "F5", Kind: Negotiation, Sends: "server/discover is answered with 400 and an error that demands the header Mcp-Session-Id",
		Sources: []string{"ai-ecoverse/slicc#3001"}, Eras: Legacy,
		Scripts: one(on("server/discover", object(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Mcp-Session-Id header is required"},"id":null}`))),
		Want:    works(),
	},
	{
		ID: "F6", Kind: Negotiation, Sends: "server/discover is answered with 404 and the text “Invalid session ID”",
		Sources: []string{"modelcontextprotocol/csharp-sdk#1765"}, Eras: Legacy,
		Scripts: one(on("server/discover", text(404, "Invalid session ID"))), Want: works(),
	},
	{
		ID: "F7", Kind: Negotiation, Sends: "server/discover is answered with 400 and an error whose ID is “server-error”",
		Sources: []string{"teradata-labs/loom#399"}, Eras: Legacy,
		Scripts: one(on("server/discover", object(400, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}`))),
		Want:    works(),
	},
	{
		ID: "F8", Kind: Negotiation, Sends: "a request whose params contain `_meta` is answered with 422 and plain text",
		Sources: []string{"MaterializeInc/materialize#38558"}, Eras: Legacy,
		Scripts: one(always("POST", when(says(`"_meta"`), text(422, "Failed to deserialize the JSON body into the target type: unknown variant")))),
		Want:    works(),
	},
	{
		ID: "F9", Kind: Negotiation, Sends: "server/discover crashes the server, which cuts the connection",
		Sources: []string{"github/copilot-cli#4809"}, Eras: Legacy,
		Scripts: one(always("server/discover", cut(nothing))), Want: works(),
	},
	{
		ID: "F10", Kind: Negotiation, Sends: "initialize with version 2025-11-25 is answered with 400 and no list of versions; version 2025-06-18 works",
		Sources: []string{"different-ai/openwork#3569"}, Eras: Legacy,
		Scripts: one(unlessOlder(object(400, `{"error":"unsupported_protocol_version"}`))), Want: works().sessions(2),
	},
	{
		ID: "F11", Kind: Negotiation, Sends: "initialize with version 2025-11-25 is answered with 400 and a text that lists the supported versions",
		Sources: []string{"xpzouying/xiaohongshu-mcp#697", "googleapis/mcp-toolbox#898"}, Eras: Legacy,
		Scripts: one(unlessOlder(text(400, "Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26, 2024-11-05)"))),
		Want:    works().sessions(2),
	},
	{
		ID: "F12", Kind: Negotiation, Sends: "notifications/initialized is answered with 200 and null, text, a result or no body, or with 204",
		Sources: []string{"awslabs/mcp#3295", "modelcontextprotocol/java-sdk#748", "modelcontextprotocol/typescript-sdk#1303"}, Eras: Legacy,
		Scripts: eachAlways("notifications/initialized", object(200, "null"), text(200, "ok"), object(200, ""), status(204),
			object(200, `{"jsonrpc":"2.0","id":null,"result":{}}`)),
		Want: works(),
	},
	{
		ID: "F13", Kind: Negotiation, Sends: "notifications/initialized is answered with 200 and the error −32601",
		Sources: []string{"pzalutski-pixel/sharplens-mcp#6", "cookjohn/zotero-mcp#36"}, Eras: Legacy,
		Scripts: eachAlways("notifications/initialized", object(200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found"}}`)),
		Want:    works(),
	},
	{
		ID: "F14", Kind: Negotiation, Sends: "notifications/initialized is refused with 400 because it has no ID or no params, or with 400 or 405 by a proxy",
		Sources: []string{"Jefferson49/webtrees-API#29", "hyperdxio/hyperdx#2686", "outline/outline#13775"}, Eras: Legacy,
		Scripts: eachAlways("notifications/initialized", object(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Invalid Request"}}`), status(400), status(405)),
		Want:    works(),
	},
	{
		ID: "F15", Kind: Negotiation, Sends: "notifications/initialized is never answered",
		Sources: []string{"joshrotenberg/tower-mcp#999", "wevm/vocs#486"}, Eras: Legacy,
		Scripts: []Script{always("notifications/initialized", never), always("notifications/initialized", open(sse("")))}, Do: within(11*time.Second, call),
		Want: works().calls(1),
	},
	{
		ID: "F16", Kind: Negotiation, Sends: "initialize is answered with a stream whose first event has no data",
		Sources: []string{"envoyproxy/ai-gateway#2219"}, Eras: Legacy,
		Scripts: one(on("initialize", func(x *Exchange) bool {
			x.w.Header().Set("Mcp-Session-Id", x.server.newSession())
			return sse("id: a_0\ndata: \n\n", "event: message\nid: a_1\ndata: $OK\n\n")(x)
		})),
		Want: works(),
	},
	{
		ID: "F17", Kind: Negotiation, Sends: "the server declares no capabilities but answers tools/list",
		Sources: []string{"DeusData/codebase-memory-mcp#1185"}, Eras: Legacy,
		Scripts: offers(`{}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F18", Kind: Negotiation, Sends: "the server declares logging but answers logging/setLevel with 400 or −32601",
		Sources: []string{"TJC-LP/fast-mcp-scala#56", "isaacphi/mcp-language-server#79"}, Eras: Legacy,
		Scripts: each("logging/setLevel", rpcError(400, `{"code":-32601,"message":"Method not found"}`), rpcError(200, `{"code":-32601,"message":"Method not found"}`)),
		Do:      setLevel, Want: fails(mcpclient.KindServer, mcpclient.Answered, "logging/setLevel", "Method not found"),
	},
	{
		ID: "F19", Kind: Negotiation, Sends: "initialize is answered with 500 and no body",
		Sources: []string{"heroku/heroku-mcp-server#226"}, Eras: Legacy,
		Scripts: one(always("initialize", status(500))), Want: refused(mcpclient.KindHTTP, "initialize", "500"),
		CLI: complains("tools $URL", "500"),
	},
	{
		ID: "E9", Kind: Negotiation, Sends: "initialize or server/discover is answered with 503 three times, then properly",
		Sources: []string{"gateways that start a server"},
		Scripts: []Script{all(first("initialize", 3, status(503)), on("server/discover", honest)),
			first("server/discover", 3, status(503))},
		Want: works().sessions(anyNumber),
		CLI:  prints("call $URL t", "ok"),
	},
}

// oldSSE is an HTTP+SSE server that gives the answer to every POST.
func oldSSE(post Answer) Script {
	return all(always("POST", post), always("GET", open(sse("event: endpoint\ndata: /messages?session_id=1\n\n"))))
}
