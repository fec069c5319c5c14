package field

import (
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// crlf is event with CR LF line ends.
var crlf = strings.ReplaceAll(event, "\n", "\r\n")

// halves sends an event in two chunks and splits a multi-byte character between them.
func halves(x *Exchange) bool {
	whole := x.expand(`data: {"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"é"}]}}` + "\n\n")
	middle := strings.Index(whole, "é") + 1
	return sse(whole[:middle], whole[middle:])(x)
}

var streams = []Quirk{
	{
		ID: "S7", Kind: Streams, Sends: "a call's stream contains heartbeat events that are not JSON-RPC",
		Sources: []string{"dav-mcp#31", "modelcontextprotocol/python-sdk#1146"},
		Scripts: each("tools/call", sse("data: ping\n\n", event), sse("data: {}\n\n", event), sse("data: {\"type\":\"heartbeat\"}\n\n", event), sse("data: {\"jsonrpc\":\"2.0\"}\n\n", event)), Want: works(),
	},
	{
		ID: "S8", Kind: Streams, Sends: "a call is answered with an event stream and status 202",
		Sources: []string{"mcp-go 0.32"},
		Scripts: each("tools/call", events(202, event), events(201, event)), Want: works(),
	},
	{
		ID: "S8b", Kind: Streams, Sends: "the shared stream has status 202",
		Sources: []string{"mcp-go 0.32"}, Eras: Legacy,
		Scripts: one(on("GET", open(events(202, `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`+"\n\n")))),
		Options: noteChanges, Do: listen(time.Second), Want: gives("tools changed").note("works: the session reports the change"),
	},
	{
		ID: "F39", Kind: Streams, Sends: "the lines of the stream end in CR LF",
		Sources: []string{"modelcontextprotocol/php-sdk#401", "envoyproxy/ai-gateway#1398"},
		Scripts: each("tools/call", sse(crlf)), Want: works(),
	},
	{
		ID: "F40", Kind: Streams, Sends: "CR and LF of a line end arrive in different chunks, or lines end in CR alone",
		Sources: []string{"clacky-ai/openclacky#489", "NousResearch/hermes-agent#113074"},
		Scripts: each("tools/call", sse("event: message\r", "\ndata: $OK\r", "\n\r", "\n"), sse("data: $OK\r", "\r")), Want: works(),
	},
	{
		ID: "F41", Kind: Streams, Sends: "a multi-byte character is split between two chunks",
		Sources: []string{"FellouAI/eko#287"},
		Scripts: each("tools/call", halves), Want: gives("é").calls(1).note("works"),
	},
	{
		ID: "F41b", Kind: Streams, Sends: "one JSON message is spread over several data lines",
		Sources: []string{"profullstack/sh1pt#705"},
		Scripts: each("tools/call", sse("data: {\"jsonrpc\":\"2.0\",\ndata: \"id\":$ID,\"result\":\ndata: $RESULT}\n\n")), Want: works(),
	},
	{
		ID: "F42", Kind: Streams, Sends: "events have no event line and no space after `data:`",
		Sources: []string{"agentgateway/agentgateway#2167", "vercel/ai#16002", "modelcontextprotocol/java-sdk#885"},
		Scripts: each("tools/call", sse("data:$OK\n\n")), Want: works(),
	},
	{
		ID: "F43", Kind: Streams, Sends: "the first event has an ID but no data, with or without a retry field",
		Sources: []string{"modelcontextprotocol/go-sdk#768", "modelcontextprotocol/typescript-sdk#1184", "microsoft/vscode#309104"}, Eras: Legacy,
		Scripts: each("tools/call", sse("id: 1\nretry: 500\ndata:\n\n", event), sse("id: 1\ndata: \n\n", event)), Want: works(),
	},
	{
		ID: "F44", Kind: Streams, Sends: "the stream ends after the data line, without the final empty line",
		Sources: []string{"a2aproject/a2a-python#1213", "laravel/mcp#271"},
		Scripts: each("tools/call", sse("event: message\ndata: $OK"), sse("event: message\ndata: $OK\n")), Want: works(),
	},
	{
		ID: "F45", Kind: Streams, Sends: "events with unknown names come before and after the answer",
		Sources: []string{"modelcontextprotocol/java-sdk#423"},
		Scripts: each("tools/call", sse("event: heartbeat\ndata: 1\n\n", event), sse(event, "event: done\ndata: [DONE]\n\n")), Want: works(),
	},
	{
		ID: "F46", Kind: Streams, Sends: "POST is answered with a stream that contains only the event endpoint",
		Sources: []string{"quarkiverse/quarkus-mcp-server#317"}, Eras: Legacy,
		Scripts: one(oldSSE(open(sse("event: endpoint\ndata: /messages?session_id=1\n\n")))),
		Want:    refused(mcpclient.KindProtocol, "HTTP+SSE", "2024-11-05"),
	},
	{
		ID: "F47", Kind: Streams, Sends: "a proxy holds all events back until the stream ends",
		Sources: []string{"wso2/api-platform#2962", "tower-rs/tower-http#420"},
		Scripts: each("tools/call", after(90*time.Second, sse(event))), Want: works(),
	},
	{
		ID: "F49", Kind: Streams, Sends: "tools/list is answered with an empty stream; the result arrives on the shared stream",
		Sources: []string{"r33drichards/mcp-js#185", "modelcontextprotocol/python-sdk#1661"}, Eras: Legacy,
		Scripts: each("tools/list", after(time.Second, tell(event, sse("")))), Options: noteChanges, Do: list, Want: gives("t"),
	},
	{
		ID: "F81b", Kind: Streams, Sends: "a response to another request, or an error without an ID, comes before our response",
		Sources: []string{"modelcontextprotocol/servers#4099"},
		Scripts: each("tools/call", sse(`data: {"jsonrpc":"2.0","id":999,"result":{}}`+"\n\n", event)), Want: works(),
	},
	{
		ID: "F98", Kind: Streams, Sends: "the stream contains progress with an unknown token",
		Sources: []string{"twentyhq/twenty#24559", "kaeawc/auto-mobile#6118"},
		Scripts: each("tools/call", sse(`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":999,"progress":1}}`+"\n\n", event)),
		Want:    works(),
	},
	{
		ID: "F98b", Kind: Streams, Sends: "the answer is sent twice",
		Sources: []string{"anthropics/claude-code#47765"},
		Scripts: each("tools/call", sse(event, event)), Want: works(),
	},
	{
		ID: "F48", Kind: Streams, Sends: "a call is never answered, and its stream stays open",
		Sources: []string{"wso2/api-platform#2968"},
		Scripts: each("tools/call", open(sse(": nothing\n\n"))), Do: deadline(time.Minute, call),
		Want: fails(mcpclient.KindCanceled, mcpclient.Unknown, "deadline").calls(1).note("the call fails at the caller's deadline; the tool may have run"),
	},
}
