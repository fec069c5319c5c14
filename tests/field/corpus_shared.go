package field

import (
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const changed = `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` + "\n\n"

// broken is a stream of a call that is cut after an event with an ID.
var broken = cut(sse("id: 1\ndata: \n\n"))

// resumed is the condition that a GET resumes a stream.
func resumed(x *Exchange) bool { return x.Header.Get("Last-Event-ID") != "" }

// reported is the result when the changes of the tool list are reported.
func reported() Want { return gives("tools changed").note("works: the change is reported") }

var shared = []Quirk{
	{
		ID: "F74", Kind: Shared, Sends: "GET: 200 with HTML or JSON, 400, 404, 406 or 405",
		Sources: []string{"asciimoo/hister#691", "f/prompts.chat#1117", "QwenLM/qwen-code#8784", "punkpeye/mcp-proxy#62"}, Eras: Legacy,
		Scripts: eachAlways("GET", page(200, "<html></html>"), object(200, `{"status":"ok"}`), object(200, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Method not allowed."}}`),
			text(400, "No sessionId"), status(406), status(405)),
		Options: noteChanges, Do: counted("GET", listen(time.Minute)), Want: gives("; 1 GET").note("works: one GET, no loop"),
	},
	{
		ID: "F75", Kind: Shared, Sends: "the stream was cut, and GET answers 400 “session already exists” for two minutes",
		Sources: []string{"render-oss/render-mcp-server#26"}, Eras: Legacy,
		Scripts: one(on("GET", cut(sse(": hi\n\n"))), always("GET", when(func(x *Exchange) bool { n := x.server.Count("GET"); return n == 2 || n == 3 },
			object(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"session already exists"}}`))), always("GET", open(sse(changed)))),
		Options: noteChanges, Do: listen(4 * time.Minute), Want: reported(),
	},
	{
		ID: "F76", Kind: Shared, Sends: "GET answers 409 twice",
		Sources: []string{"kaeawc/auto-mobile#1942"}, Eras: Legacy,
		Scripts: one(first("GET", 2, status(409), open(sse(changed)))), Options: noteChanges, Do: listen(4 * time.Minute), Want: reported(),
	},
	{
		ID: "F77", Kind: Shared, Sends: "the headers of GET never arrive, or 502 comes after 125 s",
		Sources: []string{"kagent-dev/kagent#2718", "robhunter/agentdeals#1100"}, Eras: Legacy,
		Scripts: eachAlways("GET", never, after(125*time.Second, status(502))), Options: noteChanges, Do: within(10*time.Second, call), Want: works().calls(1),
	},
	{
		ID: "F78", Kind: Shared, Sends: "the stream is closed after 50 ms, again and again",
		Sources: []string{"cloudflare/agents#1583", "langfuse/langfuse#15100"}, Eras: Legacy,
		Scripts: one(first("GET", 2, sse(": hi\n\n", ": ho\n\n"), open(sse(changed)))), Options: noteChanges, Do: listen(2 * time.Minute), Want: reported(),
	},
	{
		ID: "F43b", Kind: Shared, Sends: "the stream of a call is cut after an event ID, and GET resumes it",
		Sources: []string{"modelcontextprotocol/typescript-sdk#1184"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("id: 2\ndata: $CALL\n\n")))),
		Want:    works().note("works: the stream is resumed"),
	},
	{
		ID: "F79", Kind: Shared, Sends: "the resumption of a call's stream is empty and ends, forever",
		Sources: []string{"modelcontextprotocol/rust-sdk#958"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("")))),
		Do:      within(3*time.Minute, call), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call").calls(1),
	},
	{
		ID: "F81", Kind: Shared, Sends: "the resumed stream has the answers of other streams first",
		Sources: []string{"modelcontextprotocol/servers#4099"}, Eras: Legacy,
		Scripts: one(on("tools/call", broken), always("GET", when(resumed, sse("id: 2\ndata: {\"jsonrpc\":\"2.0\",\"id\":999,\"result\":{}}\n\n", "id: 3\ndata: $CALL\n\n")))),
		Want:    works(),
	},
	{
		ID: "F80", Kind: Shared, Sends: "every stream begins with the event ID 0: two calls are cut, and both resumptions get the answer of one",
		Sources: []string{"modelcontextprotocol/rust-sdk#791"}, Eras: Legacy,
		Scripts: one(first("tools/call", 2, after(time.Second, cut(sse("id: 0\ndata: \n\n")))),
			always("GET", when(resumed, sse("id: 1\ndata: $CALL\n\n")))),
		Do: deadline(2*time.Minute, bothAtOnce), Want: gives("1 answered").note("works for its own call; never treated as the other one, whose outcome is unknown"),
	},
	{
		ID: "F79b", Kind: Shared, Sends: "the resumption of a call's stream is refused with 405 or 400",
		Sources: []string{"servers without resumption"}, Eras: Legacy,
		Scripts: []Script{all(on("tools/call", broken), always("GET", when(resumed, status(405)))), all(on("tools/call", broken), always("GET", when(resumed, text(400, "unknown event"))))},
		Want:    fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call"),
		CLI:     complains("call $URL t", "may have run"),
	},
	{
		ID: "F79c", Kind: Shared, Sends: "the resumption of a call's stream gets 503 or 425 once",
		Sources: []string{"gateways that start"}, Eras: Legacy,
		Scripts: []Script{all(on("tools/call", broken), always("GET", when(resumed, resumption(503)))), all(on("tools/call", broken), always("GET", when(resumed, resumption(425))))},
		Want:    works(),
	},
}

// resumption refuses the first resumption with a status.
func resumption(code int) Answer {
	return func(x *Exchange) bool {
		if x.server.Count("GET") == 1 {
			return status(code)(x)
		}
		return sse("id: 2\ndata: $CALL\n\n")(x)
	}
}
