package field

import (
	"net/http"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const notFound = `{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`

// oneTable answers no call whose ID an earlier call had, in whichever session.
func oneTable(s *Server) {
	var mu sync.Mutex
	used := map[string]bool{}
	always("tools/call", when(func(x *Exchange) bool {
		mu.Lock()
		defer mu.Unlock()
		before := used[x.id]
		used[x.id] = true
		return before
	}, never))(s)
}

// losses returns one script per answer, which reports a lost session.
func losses(answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = lost(answer)
	}
	return scripts
}

// recovers is the expected result of a call if the server refuses it because the session is lost: a
// new session starts and the call is sent again.
func recovers() Want {
	return works().calls(2).sessions(2).note("works: a new session starts and the call is sent again")
}

// recoversNext is the expected result of a call in a lost session if it may have run: the call may
// fail, but the next one works.
func recoversNext() Want {
	return Want{MayFail: true, Calls: anyNumber, Sessions: 2, Note: "the call may fail; a new session starts, and the next call works"}
}

// idleLosses returns one script per answer. It ends the shared stream and reports a lost session to
// the next GET and to all other requests of the session.
func idleLosses(answers ...Answer) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = all(on("GET", sse("")), always("*", when(func(x *Exchange) bool {
			return x.server.Count("GET") > 1 && x.header("Mcp-Session-Id", "s1")
		}, answer)))
	}
	return scripts
}

var sessions = []Quirk{
	{
		ID: "S3", Kind: Sessions, Sends: "the server reports a lost session with a 4xx status other than 404",
		Sources: []string{"affine-mcp#301", "anubis#123", "openai/codex#46158"}, Eras: Legacy,
		Scripts: losses(text(400, "Bad Request: No valid session ID provided"), object(400, `{"error":"Session not found"}`),
			rpcError(400, `{"code":-32000,"message":"Session not found"}`), text(410, "session gone"), text(422, "unknown session"), text(401, "session expired")),
		Want: recovers(),
	},
	{
		ID: "S3b", Kind: Sessions, Sends: "the server reports a lost session with 200 and a JSON-RPC error",
		Sources: []string{"modelcontextprotocol/rust-sdk#689", "anthropics/claude-code#17412"}, Eras: Legacy,
		Scripts: losses(rpcError(200, `{"code":-32000,"message":"Session not found"}`), message(notFound)), Want: recoversNext(),
	},
	{
		ID: "S6", Kind: Sessions, Sends: "a load balancer pins the session to a node with a cookie",
		Sources: []string{"mcp-remote#168"}, Eras: Legacy,
		Scripts: one(
			on("initialize", with("Set-Cookie", "node=a; Path=/; HttpOnly", honest)),
			always("*", when(func(x *Exchange) bool {
				return x.method != "initialize" && x.method != "server/discover" && !sends("Cookie", "node=a")(x)
			}, object(404, notFound)))),
		Want: works(),
		CLI:  complains("call $URL t --no-cookies", "try without --no-cookies"),
	},
	{
		ID: "F20", Kind: Sessions, Sends: "the header Mcp-Session-Id appears twice with the same value",
		Sources: []string{"bcurts/agentchattr#80"}, Eras: Legacy,
		Scripts: one(on("initialize", with("Mcp-Session-Id", "s1", honest))), Want: works(),
	},
	{
		ID: "F21", Kind: Sessions, Sends: "a proxy joins equal headers: `Mcp-Session-Id: s1, s1`",
		Sources: []string{"bcurts/agentchattr#79"}, Eras: Legacy,
		Scripts: one(on("initialize", func(x *Exchange) bool {
			id := x.server.newSession()
			x.w.Header().Set("Mcp-Session-Id", id+", "+id)
			return message("$OK")(x)
		})),
		Want: works(),
	},
	{
		ID: "F22", Kind: Sessions, Sends: "the server reports a lost session with 404 and a message that has neither result nor error",
		Sources: []string{"helidon-io/helidon-mcp#152"}, Eras: Legacy,
		Scripts: losses(object(404, `{"jsonrpc":"2.0","id":$ID}`)), Want: recovers(),
	},
	{
		ID: "F23", Kind: Sessions, Sends: "the server reports a lost session with 503 and an error message that says so",
		Sources: []string{"markmhendrickson/neotoma#1923", "markmhendrickson/neotoma#2312"}, Eras: Legacy,
		Scripts: losses(object(503, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"MCP session is unknown or expired on this API instance"}}`)),
		Want:    recoversNext(),
	},
	{
		ID: "F24", Kind: Sessions, Sends: "a proxy turns the 400 for a lost session into a 500 that quotes its text",
		Sources: []string{"punkpeye/fastmcp#121"}, Eras: Legacy,
		Scripts: losses(object(500, `{"error":"Error POSTing to endpoint (HTTP 400): Bad Request: No valid session ID provided"}`)),
		Want:    recoversNext(),
	},
	{
		ID: "F25", Kind: Sessions, Sends: "the server reports a lost session with 200 and −32600 “Invalid Request”",
		Sources: []string{"aklivity/zilla#2528"}, Eras: Legacy,
		Scripts: losses(rpcError(200, `{"code":-32600,"message":"Invalid Request"}`)), Want: recoversNext(),
	},
	{
		ID: "F25b", Kind: Sessions, Sends: "the server reports a lost session with 403 “session expired”",
		Sources: []string{"gateways that check sessions"}, Eras: Legacy,
		Scripts: losses(object(403, `{"error":"session expired"}`)), Want: recoversNext(),
	},
	{
		ID: "F25c", Kind: Sessions, Sends: "the server reports a lost session with 403, 409, 419 or 440 and does not mention the session",
		Sources: []string{"gateways that check sessions"}, Eras: Legacy,
		Scripts: losses(status(403), text(409, "not here"), page(419, "<html>Page Expired</html>"), status(440)), Want: recoversNext(),
	},
	{
		ID: "F25d", Kind: Sessions, Sends: "the server reports a lost session with 200 and JSON that is not JSON-RPC, or with an HTTP status as the error code",
		Sources: []string{"hand-written servers"}, Eras: Legacy,
		Scripts: losses(message(`{"error":"Session not found"}`), rpcError(200, `{"code":404,"message":"not found"}`)), Want: recoversNext(),
	},
	{
		ID: "F25e", Kind: Sessions, Sends: "the server answers calls with −32600, −32000, 403 or 503 “session pool exhausted”, and its session is alive",
		Sources: []string{"tools that use these codes"}, Eras: Legacy,
		Scripts: eachAlways("tools/call", rpcError(200, `{"code":-32600,"message":"bad"}`), rpcError(200, `{"code":-32000,"message":"bad"}`), status(403), text(503, "session pool exhausted")),
		Do:      counted("ping", often(100, call)), Want: gives("100 failed; 7 ping").calls(100).note("the calls fail; the session pings ever less often and stays"),
	},
	{
		ID: "F26b", Kind: Sessions, Sends: "the server reports a lost session on the shared stream with 503, 403 or an error in a 200",
		Sources: []string{"markmhendrickson/neotoma#1923"}, Eras: Legacy,
		Scripts: idleLosses(object(503, notFound), status(403), message(notFound)), Options: noteChanges, Do: listen(3 * time.Minute),
		Want: Want{Sessions: 2, Note: "works: a new session starts"},
	},
	{
		ID: "F26", Kind: Sessions, Sends: "the server first reports a lost session on the shared stream, with 404",
		Sources: []string{"danny-avila/LibreChat#11869"}, Eras: Legacy,
		Scripts: one(on("GET", sse(""), object(404, notFound)), always("*", when(func(x *Exchange) bool {
			return x.server.Count("GET") > 1 && x.header("Mcp-Session-Id", "s1")
		}, object(404, notFound)))),
		Options: noteChanges, Do: counted("GET", listen(time.Minute)), Want: Want{Value: "; 3 GET", Sessions: 2, Note: "works: exactly one new session starts"},
	},
	{
		ID: "F27", Kind: Sessions, Sends: "DELETE of the session is answered with 400, 404, 405, 500 or 502",
		Sources: []string{"supabase/mcp#400", "ballerina-platform/ballerina-library#9161"}, Eras: Legacy,
		Scripts: eachAlways(http.MethodDelete, status(400), status(404), status(405), status(500), status(502)),
		Do:      closes, Want: gives("closed; 1 DELETE").sessions(2).note("works: Close returns nil and does not repeat DELETE"),
	},
	{
		ID: "F127", Kind: Sessions, Sends: "the server has one stream table for all clients: one of two calls with the same ID gets no answer",
		Sources: []string{"the README of @hono/mcp", "domdomegg/computer-use-mcp#64 (GHSA-345p-7cg4-v4c7)"},
		Scripts: one(oneTable), Do: deadline(time.Minute, inTwoSessions),
		Want: gives("ok ok").calls(2).sessions(anyNumber).note("works: the IDs of a session begin at a random number"),
	},
	{
		ID: "S15", Kind: Sessions, Sends: "a call is answered with 429 and Retry-After: 60",
		Sources: []string{"gateways with rate limits"},
		Scripts: one(on("tools/call", with("Retry-After", "60", status(429)))), Want: Want{Value: "ok", Calls: 2, Logs: []string{"429", "1m0s"}, Note: "works: the call is retried after 60 s, and the log gives the reason"},
		CLI: prints("call $URL t", "429", "ok"),
	},
	{
		ID: "F66", Kind: Sessions, Sends: "the server reports an expired upstream token with 400 invalid_grant",
		Sources: []string{"shopware/shopware#19689", "freee/freee-mcp#394", "PrefectHQ/fastmcp#2461"},
		Scripts: []Script{on("tools/call", object(400, `{"error":"invalid_grant","error_description":"token expired"}`))},
		Want:    fails(mcpclient.KindHTTP, mcpclient.Answered, "token expired"),
		CLI:     complains("call $URL t", "token expired"),
	},
}
