package field

import "github.com/hawser-mcp/hawser/mcpclient"

var envelope = []Quirk{
	{
		ID: "S5", Kind: Envelope, Sends: "the response carries our numeric ID as a decimal string",
		Sources: []string{"modelcontextprotocol/rust-sdk#1017", "modelcontextprotocol/python-sdk#1720"},
		Scripts: one(always("POST", when(func(x *Exchange) bool { return x.id != "" && x.method != "initialize" },
			message(`{"jsonrpc":"2.0","id":"$ID","result":$RESULT}`)))),
		Want: works(),
		CLI:  prints("call $URL t", "ok"),
	},
	{
		ID: "S9", Kind: Envelope, Sends: "in a session of 2025-03-26, the server sends arrays of messages",
		Sources: []string{"2025-03-26, Batching"}, Eras: Legacy,
		Scripts: []Script{
			all(on("initialize", initialized(hello("2025-03-26", `{"tools":{}}`))), on("tools/call", message(`[$OK]`))),
			all(on("initialize", initialized(hello("2025-03-26", `{"tools":{}}`))), on("tools/call", sse("data: [$OK]\n\n"))),
			all(on("initialize", initialized(hello("2025-03-26", `{"tools":{}}`))),
				on("tools/call", sse(`data: [{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}},$OK]`+"\n\n"))),
		},
		Want: works(),
	},
	{
		ID: "F28", Kind: Envelope, Sends: "a notification has `\"id\":null`",
		Sources: []string{"kamp-us/phoenix#3495"},
		Scripts: each("tools/call", sse(`data: {"jsonrpc":"2.0","id":null,"method":"notifications/message","params":{"level":"info","data":"x"}}`+"\n\n", event)),
		Options: noteLogs, Do: then(call), Want: gives("ok; log info").calls(1).note("works: the session handles it as a notification"),
	},
	{
		ID: "F29", Kind: Envelope, Sends: "the answer is an array with one message, which also has `\"error\":null`",
		Sources: []string{"gensecaihq/Wazuh-MCP-Server#59"}, Eras: Legacy,
		Scripts: each("tools/call", message(`[{"jsonrpc":"2.0","id":$ID,"result":$RESULT,"error":null}]`)), Want: works(),
	},
	{
		ID: "F30", Kind: Envelope, Sends: "unused members of a message (method, params, error) are null",
		Sources: []string{"modelcontextprotocol/kotlin-sdk#581", "moneat-io/moneat#472"},
		Scripts: each("tools/call", message(`{"jsonrpc":"2.0","id":$ID,"method":null,"params":null,"result":$RESULT,"error":null}`)), Want: works(),
	},
	{
		ID: "F31", Kind: Envelope, Sends: "error responses also have `\"result\":null`",
		Sources: []string{"leehack/mcp_dart#238", "movitto/rjr#13"},
		Scripts: each("tools/call", message(`{"jsonrpc":"2.0","id":$ID,"result":null,"error":{"code":-32000,"message":"boom"}}`)),
		Want:    fails(mcpclient.KindServer, mcpclient.Answered, "boom", "-32000"),
	},
	{
		ID: "F32", Kind: Envelope, Sends: "ping is answered with `\"result\":[]` or `\"result\":true`",
		Sources: []string{"cristianuibar/bricks-mcp#45", "lightpanda-io/browser#2683"}, Eras: Legacy,
		Scripts: each("ping", result("[]"), result("true")), Do: ping, Want: gives("").note("works"),
	},
	{
		ID: "F33", Kind: Envelope, Sends: "error.code is a string or a huge number; error.message is null or an object",
		Sources: []string{"lynnswap/XcodeMCPKit#205"},
		Scripts: each("tools/call", rpcError(200, `{"code":"-32000","message":"boom"}`), rpcError(200, `{"code":1e100,"message":"boom"}`),
			rpcError(200, `{"code":-32000,"message":null}`), rpcError(200, `{"code":-32000,"message":{"a":1}}`)),
		Want: fails(mcpclient.KindServer, mcpclient.Answered, "tools/call"),
	},
	{
		ID: "F34", Kind: Envelope, Sends: "the body is a bare result without the members jsonrpc and id",
		Sources: []string{"Quantum3-Labs/ARBuilder#2"},
		Scripts: each("tools/call", message(`{"content":[]}`)), Want: fails(mcpclient.KindProtocol, mcpclient.Unknown, "jsonrpc"),
	},
	{
		ID: "F35", Kind: Envelope, Sends: "the server answers 400 with a JSON-RPC error that has our ID and the application's error text",
		Sources: []string{"mayswind/ezbookkeeping#347"},
		Scripts: each("tools/call", rpcError(400, `{"code":-32603,"message":"cannot add transaction"}`)),
		Want:    fails(mcpclient.KindServer, mcpclient.Answered, "cannot add transaction"),
		CLI:     complains("call $URL t", "cannot add transaction"),
	},
	{
		ID: "F36", Kind: Envelope, Sends: "a call is answered with 500 and no body",
		Sources: []string{"Tr3kkR/Yuzu#3377", "PrefectHQ/fastmcp#2595"},
		Scripts: each("tools/call", status(500)), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "500"),
		CLI: complains("call $URL t", "500", "may have run"),
	},
	{
		ID: "F37", Kind: Envelope, Sends: "a gateway wraps the event stream in a JSON object",
		Sources: []string{"agentic-community/mcp-gateway-registry#1051"},
		Scripts: each("tools/call", message(`{"raw":"event: message\ndata: {}\n\n"}`)), Want: fails(mcpclient.KindProtocol, mcpclient.Unknown, "event: message"),
	},
	{
		ID: "F38", Kind: Envelope, Sends: "the ID of the response is an unquoted UUID",
		Sources: []string{"awslabs/agentcore-samples#149"},
		Scripts: each("tools/call", message(`{"jsonrpc":"2.0","id":3fa85f64-5717-4562-b3fc-2c963f66afa6,"result":{}}`)),
		Want:    fails(mcpclient.KindProtocol, mcpclient.Unknown, "offset"),
	},
}
