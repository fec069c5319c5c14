package field

import (
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// hello is an initialize result with the given version and capabilities.
func hello(version, capabilities string) string {
	return `{"protocolVersion":"` + version + `","capabilities":` + capabilities + `,"serverInfo":{"name":"f","version":"1"}}`
}

// offers makes one variant of every value of capabilities.
func offers(capabilities ...string) []Script {
	scripts := make([]Script, len(capabilities))
	for i, c := range capabilities {
		scripts[i] = on("initialize", initialized(hello("2025-11-25", c)))
	}
	return scripts
}

// discovers makes one variant of every value of a modern server's capabilities.
func discovers(capabilities ...string) []Script {
	scripts := make([]Script, len(capabilities))
	for i, c := range capabilities {
		scripts[i] = always("server/discover", result(`{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":`+c+`}`))
	}
	return scripts
}

// unlessOlder gives the answer to initialize with 2025-11-25, and accepts older revisions.
func unlessOlder(answer Answer) Script {
	return all(always("initialize", when(says("2025-11-25"), answer)), on("initialize", initialized(hello("2025-06-18", `{"tools":{}}`))))
}

var negotiation = []Quirk{
	{
		ID: "S1", Kind: Negotiation, Sends: "server/discover reaches a legacy child whose −32601 becomes a 404 with our ID",
		Sources: []string{"supergateway 4"}, Eras: Legacy,
		Scripts: one(on("server/discover", rpcError(404, `{"code":-32601,"message":"Method not found"}`))), Want: works(),
	},
	{
		ID: "S2", Kind: Negotiation, Sends: "a Streamable HTTP server answers protocolVersion 2024-11-05",
		Sources: []string{"TypeScript SDK 1.10", "pgedge-postgres-mcp#277"}, Eras: Legacy,
		Scripts: one(on("initialize", initialized(hello("2024-11-05", `{"tools":{}}`)))), Want: works(),
	},
	{
		ID: "S10", Kind: Negotiation, Sends: "server/discover is never answered, or a gateway's list of methods refuses it with 403",
		Sources: []string{"gateways with a list of methods"}, Eras: Legacy,
		Scripts: eachAlways("server/discover", never, text(403, "method not allowed"), object(403, `{"error":"method not allowed"}`)), Want: works(),
	},
	{
		ID: "S11", Kind: Negotiation, Sends: "initialize with 2025-11-25 is refused instead of negotiated; the answer lists versions",
		Sources: []string{"python-sdk servers behind version checks"}, Eras: Legacy,
		Scripts: []Script{
			unlessOlder(rpcError(400, `{"code":-32000,"message":"Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26)"}`)),
			unlessOlder(rpcError(200, `{"code":-32602,"message":"Unsupported protocol version","data":{"supported":["2025-06-18"],"requested":"2025-11-25"}}`)),
		},
		Want: works().sessions(2),
	},
	{
		ID: "S12", Kind: Negotiation, Sends: "an HTTP+SSE server of 2024-11-05: POST is refused, GET sends the event endpoint",
		Sources: []string{"servers at /sse"}, Eras: Legacy,
		Scripts: []Script{oldSSE(page(404, "<html>Cannot POST /sse</html>")), oldSSE(status(405))},
		Want:    refused(mcpclient.KindProtocol, "HTTP+SSE", "2024-11-05"),
		CLI:     complains("tools $URL", "HTTP+SSE", "2024-11-05"),
	},
	{
		ID: "F1", Kind: Negotiation, Sends: "capabilities.tools is an array of tools, or true",
		Sources: []string{"springfall2008/batpred#3496"}, Eras: Legacy,
		Scripts: offers(`{"tools":[{"name":"x"}]}`, `{"tools":true}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F2", Kind: Negotiation, Sends: "PHP encodes empty objects as [], in capabilities and their members",
		Sources: []string{"logiscape/mcp-sdk-php#1"}, Eras: Legacy,
		Scripts: offers(`[]`, `{"tools":[]}`, `{"tools":{},"experimental":[]}`, `{"tools":{},"logging":[],"prompts":null}`), Want: works(),
	},
	{
		ID: "F2b", Kind: Negotiation, Sends: "capabilities of server/discover are arrays, true or null",
		Sources: []string{"springfall2008/batpred#3496", "logiscape/mcp-sdk-php#1"}, Eras: Modern,
		Scripts: discovers(`{"tools":[{"name":"x"}]}`, `{"tools":true}`, `[]`, `{"tools":{},"experimental":[],"prompts":null}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F3", Kind: Negotiation, Sends: "initialize result without serverInfo.version, or without serverInfo",
		Sources: []string{"asciimoo/hister#363"}, Eras: Legacy,
		Scripts: each("initialize", initialized(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"f"}}`),
			initialized(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{}}}`)),
		Want: works(),
	},
	{
		ID: "F4", Kind: Negotiation, Sends: "initialize result without protocolVersion",
		Sources: []string{"automateyournetwork/pyATS_MCP#1", "ian-cowley/MCPSqlServer#3"}, Eras: Legacy,
		Scripts: one(always("initialize", initialized(`{"capabilities":{"tools":{}},"serverInfo":{"name":"f","version":"1"}}`))),
		Want:    refused(mcpclient.KindVersion, "no protocol version"),
		CLI:     complains("tools $URL", "no protocol version"),
	},
	{
		ID: "F5", Kind: Negotiation, Sends: "server/discover: 400 that demands the header Mcp-Session-Id",
		Sources: []string{"ai-ecoverse/slicc#3001"}, Eras: Legacy,
		Scripts: one(on("server/discover", object(400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: Mcp-Session-Id header is required"},"id":null}`))),
		Want:    works(),
	},
	{
		ID: "F6", Kind: Negotiation, Sends: "server/discover: 404 text “Invalid session ID”",
		Sources: []string{"modelcontextprotocol/csharp-sdk#1765"}, Eras: Legacy,
		Scripts: one(on("server/discover", text(404, "Invalid session ID"))), Want: works(),
	},
	{
		ID: "F7", Kind: Negotiation, Sends: "server/discover: 400 with the ID “server-error”",
		Sources: []string{"teradata-labs/loom#399"}, Eras: Legacy,
		Scripts: one(on("server/discover", object(400, `{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Bad Request: Missing session ID"}}`))),
		Want:    works(),
	},
	{
		ID: "F8", Kind: Negotiation, Sends: "`_meta` in the params of an unknown method: 422 text",
		Sources: []string{"MaterializeInc/materialize#38558"}, Eras: Legacy,
		Scripts: one(always("POST", when(says(`"_meta"`), text(422, "Failed to deserialize the JSON body into the target type: unknown variant")))),
		Want:    works(),
	},
	{
		ID: "F9", Kind: Negotiation, Sends: "server/discover kills the server: the connection is cut",
		Sources: []string{"github/copilot-cli#4809"}, Eras: Legacy,
		Scripts: one(always("server/discover", cut(nothing))), Want: works(),
	},
	{
		ID: "F10", Kind: Negotiation, Sends: "initialize with 2025-11-25: 400 without a list of versions; 2025-06-18 works",
		Sources: []string{"different-ai/openwork#3569"}, Eras: Legacy,
		Scripts: one(unlessOlder(object(400, `{"error":"unsupported_protocol_version"}`))), Want: works().sessions(2),
	},
	{
		ID: "F11", Kind: Negotiation, Sends: "initialize with 2025-11-25: 400 text that lists the supported versions",
		Sources: []string{"xpzouying/xiaohongshu-mcp#697", "googleapis/mcp-toolbox#898"}, Eras: Legacy,
		Scripts: one(unlessOlder(text(400, "Bad Request: Unsupported protocol version (supported versions: 2025-06-18, 2025-03-26, 2024-11-05)"))),
		Want:    works().sessions(2),
	},
	{
		ID: "F12", Kind: Negotiation, Sends: "notifications/initialized: 200 with null, text, nothing or a result; 204",
		Sources: []string{"awslabs/mcp#3295", "modelcontextprotocol/java-sdk#748", "modelcontextprotocol/typescript-sdk#1303"}, Eras: Legacy,
		Scripts: eachAlways("notifications/initialized", object(200, "null"), text(200, "ok"), object(200, ""), status(204),
			object(200, `{"jsonrpc":"2.0","id":null,"result":{}}`)),
		Want: works(),
	},
	{
		ID: "F13", Kind: Negotiation, Sends: "notifications/initialized: 200 with the error −32601",
		Sources: []string{"pzalutski-pixel/sharplens-mcp#6", "cookjohn/zotero-mcp#36"}, Eras: Legacy,
		Scripts: eachAlways("notifications/initialized", object(200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"Method not found"}}`)),
		Want:    works(),
	},
	{
		ID: "F14", Kind: Negotiation, Sends: "notifications/initialized: 400 because of its missing ID or params, or from a proxy",
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
		ID: "F16", Kind: Negotiation, Sends: "initialize answers a stream that begins with an event without data",
		Sources: []string{"envoyproxy/ai-gateway#2219"}, Eras: Legacy,
		Scripts: one(on("initialize", func(x *Exchange) bool {
			x.w.Header().Set("Mcp-Session-Id", x.server.newSession())
			return sse("id: a_0\ndata: \n\n", "event: message\nid: a_1\ndata: $OK\n\n")(x)
		})),
		Want: works(),
	},
	{
		ID: "F17", Kind: Negotiation, Sends: "capabilities is empty although tools/list answers",
		Sources: []string{"DeusData/codebase-memory-mcp#1185"}, Eras: Legacy,
		Scripts: offers(`{}`), Do: list, Want: gives("t"),
	},
	{
		ID: "F18", Kind: Negotiation, Sends: "logging is offered, and logging/setLevel answers 400 or −32601",
		Sources: []string{"TJC-LP/fast-mcp-scala#56", "isaacphi/mcp-language-server#79"}, Eras: Legacy,
		Scripts: each("logging/setLevel", rpcError(400, `{"code":-32601,"message":"Method not found"}`), rpcError(200, `{"code":-32601,"message":"Method not found"}`)),
		Do:      setLevel, Want: fails(mcpclient.KindServer, mcpclient.Answered, "logging/setLevel", "Method not found"),
	},
	{
		ID: "F19", Kind: Negotiation, Sends: "initialize: 500 without a body",
		Sources: []string{"heroku/heroku-mcp-server#226"}, Eras: Legacy,
		Scripts: one(always("initialize", status(500))), Want: refused(mcpclient.KindHTTP, "initialize", "500"),
		CLI: complains("tools $URL", "500"),
	},
	{
		ID: "E9", Kind: Negotiation, Sends: "initialize or server/discover: 503 three times, then an answer",
		Sources: []string{"gateways that start a server"},
		Scripts: []Script{all(first("initialize", 3, status(503)), on("server/discover", honest)),
			first("server/discover", 3, status(503))},
		Want: works().sessions(anyNumber),
		CLI:  prints("call $URL t", "ok"),
	},
}

// oldSSE is a server of HTTP+SSE that answers POST as given.
func oldSSE(post Answer) Script {
	return all(always("POST", post), always("GET", open(sse("event: endpoint\ndata: /messages?session_id=1\n\n"))))
}
