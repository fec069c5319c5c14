package field

import (
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const changed = `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` + "\n\n"

// broken is an event stream that is cut after an event with an ID.
var broken = cut(sse("id: 1\ndata: \n\n"))

// resumed reports whether a GET resumes a stream.
func resumed(x *Exchange) bool { return x.Header.Get("Last-Event-ID") != "" }

// reported is the expected result if the session reports a change of the tool list.
func reported() Want { return gives("tools changed").note("works: the session reports the change") }

var shared = []Quirk{
	{
		ID: "F74", Kind: Shared, Sends: "GET is answered with 200 and HTML or JSON, or with 400, 404, 405 or 406",
		Sources: []string{"asciimoo/hister#691", "f/prompts.chat#1117", "QwenLM/qwen-code#8784", "punkpeye/mcp-proxy#62"}, Eras: Legacy,
		Scripts: eachAlways("GET", page(200, "<html></html>"), object(200, `{"status":"ok"}`), object(200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Method not allowed."}}`),
			text(400, "No sessionId"), status(406), status(405)),
		Options: noteChanges, Do: counted("GET", listen(time.Minute)), Want: gives("; 1 GET").note("works: the session sends one GET only"),
	},
	{
		ID: "F74b", Kind: Shared, Sends: "the command line listens, but GET is answered with 405",
		Sources: []string{"supergateway, fastify-mcp and mcp-lite without sessions"}, Eras: Legacy,
		Scripts: one(always("GET", status(405))), Want: works(),
		CLI: complains("listen $URL", "no stream for notifications", "405", "hawser tools http://127.0.0.1/mcp"),
	},
	{
		ID: "F75", Kind: Shared, Sends: "after the shared stream is cut, GET is answered with 400 “session already exists” for two minutes",
		Sources: []string{"render-oss/render-mcp-server#26"}, Eras: Legacy,
		Scripts: one(on("GET", cut(sse(": hi\n\n"))), always("GET", when(func(x *Exchange) bool { n := x.server.Count("GET"); return n == 2 || n == 3 },
			object(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"session already exists"}}`))), always("GET", open(sse(changed)))),
		Options: noteChanges, Do: listen(4 * time.Minute), Want: reported(),
	},
	{
		ID: "F76", Kind: Shared, Sends: "GET is answered with 409 twice",
		Sources: []string{"kaeawc/auto-mobile#1942"}, Eras: Legacy,
		Scripts: one(first("GET", 2, status(409), open(sse(changed)))), Options: noteChanges, Do: listen(4 * time.Minute), Want: reported(),
	},
	{
		ID: "F77", Kind: Shared, Sends: "GET is never answered, or is answered with 502 after 125 s",
		Sources: []string{"kagent-dev/kagent#2718", "robhunter/agentdeals#1100"}, Eras: Legacy,
		Scripts: eachAlways("GET", never, after(125*time.Second, status(502))), Options: noteChanges, Do: within(10*time.Second, call), Want: works().calls(1),
	},
	{
		ID: "F78", Kind: Shared, Sends: "the server closes the shared stream after 50 ms each time",
		Sources: []string{"cloudflare/agents#1583", "langfuse/langfuse#15100"}, Eras: Legacy,
		Scripts: one(first("GET", 2, sse(": hi\n\n", ": ho\n\n"), open(sse(changed)))), Options: noteChanges, Do: listen(2 * time.Minute), Want: reported(),
	},
	{
		ID: "F43b", Kind: Shared, Sends: "a call's stream is cut after an event with an ID, and GET resumes it",
		Sources: []string{"modelcontextprotocol/typescript-sdk#1184"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("id: 2\ndata: $CALL\n\n")))),
		Want:    works().note("works: the call returns the response of the resumed stream"),
	},
	{
		ID: "F79", Kind: Shared, Sends: "each GET that resumes a call's stream gets an empty stream that ends",
		Sources: []string{"modelcontextprotocol/rust-sdk#958"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("")))),
		Do:      within(3*time.Minute, call), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call").calls(1),
	},
	{
		ID: "F79d", Kind: Shared, Sends: "each GET that resumes a call's stream gets an error with another ID, or answers to other requests",
		Sources: []string{"modelcontextprotocol/python-sdk", "modelcontextprotocol/servers#4099"}, Eras: Legacy,
		Scripts: []Script{all(on("tools/call", broken), always("GET", when(resumed, sse(`data: {"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`+"\n\n")))),
			all(on("tools/call", broken), always("GET", when(resumed, sse("id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":999,\"result\":{}}\n\n"))))},
		Do: within(3*time.Minute, call), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call").calls(1),
	},
	{
		ID: "F79e", Kind: Shared, Sends: "the server ends a call's stream 12 times with a reconnection time and a comment, and then answers",
		Sources: []string{"SEP-1699"}, Eras: Legacy,
		Scripts: one(on("tools/call", sse("id: 1\nretry: 5000\ndata: \n\n")), first("GET", 12, sse(": working\n\n"), sse("id: 2\ndata: $CALL\n\n"))),
		Want:    works(),
	},
	{
		ID: "F81", Kind: Shared, Sends: "the resumed stream first delivers the responses of other streams",
		Sources: []string{"modelcontextprotocol/servers#4099"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("id: 2\ndata: {\"jsonrpc\":\"2.0\",\"id\":999,\"result\":{}}\n\n", "id: 3\ndata: $CALL\n\n")))),
		Want:    works(),
	},
	{
		ID: "F80", Kind: Shared, Sends: "every stream begins with event ID 0; two calls are cut, and both resumed streams deliver the response to the same call",
		Sources: []string{"modelcontextprotocol/rust-sdk#791"}, Eras: Legacy,
		Scripts: one(first("tools/call", 2, after(time.Second, cut(sse("id: 0\ndata: \n\n")))),
			always("GET", when(resumed, sse("id: 1\ndata: $CALL\n\n")))),
		Do: deadline(2*time.Minute, bothAtOnce), Want: gives("1 answered").note("the call to which the response belongs works; the outcome of the other call is unknown"),
	},
	{
		ID: "F79b", Kind: Shared, Sends: "the GET that resumes a call's stream is refused with 405 or 400",
		Sources: []string{"servers without resumption"}, Eras: Legacy,
		Scripts: []Script{all(on("tools/call", broken), always("GET", when(resumed, status(405)))), all(on("tools/call", broken), always("GET", when(resumed, text(400, "unknown event"))))},
		Want:    fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call"),
		CLI:     complains("call $URL t", "may have run"),
	},
	{
		ID: "F79c", Kind: Shared, Sends: "the GET that resumes a call's stream is refused once with 503 or 425",
		Sources: []string{"gateways that start"}, Eras: Legacy,
		Scripts: []Script{all(on("tools/call", broken), always("GET", when(resumed, resumption(503)))), all(on("tools/call", broken), always("GET", when(resumed, resumption(425))))},
		Want:    works(),
	},
}

// resumption refuses the first GET that resumes a stream with the status. Later GETs get the
// response to the call.
func resumption(code int) Answer {
	return func(x *Exchange) bool {
		if x.server.Count("GET") == 1 {
			return status(code)(x)
		}
		return sse("id: 2\ndata: $CALL\n\n")(x)
	}
}
