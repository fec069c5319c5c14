package field

import (
	"net/http"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const challenge = `<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Checking</body></html>`

var statuses = []Quirk{
	{
		ID: "F60", Kind: Statuses, Sends: "the server answers 421 because it does not accept the Host header",
		Sources: []string{"PrefectHQ/fastmcp#4468", "modelcontextprotocol/python-sdk#1798"},
		Scripts: eachAlways("POST", text(421, "Invalid Host header")), Want: refused(mcpclient.KindHTTP, "421", "Invalid Host header"),
		CLI: complains("tools $URL", "Invalid Host header", "hawser ping http://localhost/mcp"),
	},
	{
		ID: "F60b", Kind: Statuses, Sends: "the server answers 403 and names the only host that it accepts",
		Sources: []string{"microsoft/playwright-mcp#1171", "stacklok/toolhive-catalog#229"},
		Scripts: eachAlways("POST", text(403, "Access is only allowed at localhost")), Want: refused(mcpclient.KindForbidden, "403", "only allowed at localhost"),
		CLI: complains("tools $URL", "hawser ping http://localhost/mcp"),
	},
	{
		ID: "F61", Kind: Statuses, Sends: "the server answers 403 if the request has no User-Agent",
		Sources: []string{"openai/codex#12859", "anthropics/claude-ai-mcp#923"},
		Scripts: one(always("*", when(func(x *Exchange) bool { return x.UserAgent() == "" }, page(403, "<html>Forbidden</html>")))), Want: works(),
	},
	{
		ID: "F62", Kind: Statuses, Sends: "a gateway answers 403 with an HTML challenge for browsers",
		Sources: []string{"exa-labs/exa-mcp-server#414", "anthropics/claude-code#72673"},
		Scripts: one(always("POST", with("Cf-Mitigated", "challenge", page(403, challenge)))), Want: refused(mcpclient.KindForbidden, "Just a moment"),
		CLI: complains("tools $URL", "403", "HTML page"),
	},
	{
		ID: "F63", Kind: Statuses, Sends: "a firewall refuses a single call because of its arguments, with 403 and HTML",
		Sources: []string{"anthropics/claude-code#64384"},
		Scripts: each("tools/call", page(403, "<html>Blocked by WAF</html>")), Want: fails(mcpclient.KindForbidden, mcpclient.Answered, "403", "Blocked by WAF"),
		CLI: complains("call $URL t", "Blocked by WAF"),
	},
	{
		ID: "F64", Kind: Statuses, Sends: "a gateway's timeout ends a call: 504 after 29 s or 524 after 100 s",
		Sources: []string{"aws/chalice#537", "aws/chalice#1580", "cloudflare/cloudflare-docs#32243"},
		Scripts: each("tools/call", after(29*time.Second, object(504, `{"message":"Endpoint request timed out"}`)), after(100*time.Second, page(524, "A timeout occurred"))),
		Want:    fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "status 5"),
		CLI:     complains("call $URL t", "504", "may have run"),
	},
	{
		ID: "F64b", Kind: Statuses, Sends: "a gateway's timeout ends a list request",
		Sources: []string{"simonx1/ruby-mcp-client#19"},
		Scripts: each("tools/list", object(504, `{"message":"Endpoint request timed out"}`)), Do: list, Want: gives("t").note("works: the session requests the list again"),
	},
	{
		ID: "F65", Kind: Statuses, Sends: "the server answers 406 unless text/event-stream comes first in Accept",
		Sources: []string{"diillson/chatcli#916"},
		Scripts: one(always("POST", when(func(x *Exchange) bool { return !strings.HasPrefix(x.Header.Get("Accept"), typeEvents) },
			object(406, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Not Acceptable"}}`)))),
		Want: works(),
	},
	{
		ID: "F67", Kind: Statuses, Sends: "the server answers 403 with a Bearer challenge to a token that it does not accept",
		Sources: []string{"anthropics/claude-ai-mcp#385", "anthropics/claude-ai-mcp#393"},
		Scripts: each("tools/call", with("Www-Authenticate", `Bearer realm="x"`, status(403))), Want: fails(mcpclient.KindForbidden, mcpclient.NotRun, "403"),
	},
	{
		ID: "F68", Kind: Statuses, Sends: "a call is answered with 502, or its connection is cut",
		Sources: []string{"growthbook/growthbook-mcp#74"},
		Scripts: each("tools/call", status(502), cut(nothing)), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call"),
	},
	{
		ID: "F68b", Kind: Statuses, Sends: "a list request is answered with 502, or its connection is cut",
		Sources: []string{"growthbook/growthbook-mcp#74"},
		Scripts: each("tools/list", status(502), cut(nothing)), Do: list, Want: gives("t").note("works: the session requests the list again"),
	},
	{
		ID: "F69", Kind: Statuses, Sends: "the server redirects /mcp to /mcp/ with 307 and a relative Location",
		Sources: []string{"modelcontextprotocol/python-sdk#732", "PrefectHQ/fastmcp#1867"},
		Scripts: []Script{always("*", when(slashless, redirect(307, "/mcp/"))), always("*", when(slashless, redirect(307, "mcp/")))}, Want: works().calls(2).sessions(anyNumber),
	},
	{
		ID: "F71", Kind: Statuses, Sends: "the server redirects /mcp to /mcp/ with 301 or 302",
		Sources: []string{"prebid/salesagent#266", "modelcontextprotocol/modelcontextprotocol#2755"},
		Scripts: eachAlways("POST", when(slashless, redirect(301, "/mcp/")), when(slashless, redirect(302, "/mcp/"))),
		Want:    refused(mcpclient.KindHTTP, "/mcp/"),
	},
	{
		ID: "F70", Kind: Statuses, Sends: "the server redirects with 307 to another scheme or host",
		Sources: []string{"dbcls/togomcp#175", "modelcontextprotocol/python-sdk#3397"},
		Scripts: eachAlways("POST", redirect(307, "https://$HOST/mcp/")), Want: refused(mcpclient.KindHTTP, "https://127.0.0.1/mcp/"),
	},
	{
		ID: "F72", Kind: Statuses, Sends: "the server redirects /mcp to /mcp/ with 308",
		Sources: []string{"stacklok/toolhive#4454"},
		Scripts: one(always("*", when(slashless, redirect(308, "/mcp/")))), Want: works().calls(2).sessions(anyNumber),
	},
	{
		ID: "F73", Kind: Statuses, Sends: "a call with an expired token is redirected with 307 to a login page on another host",
		Sources: []string{"GitbookIO/gitbook#4280"},
		Scripts: each("tools/call", redirect(307, "https://login.example.com/sso?next=1")),
		Want:    fails(mcpclient.KindHTTP, mcpclient.Answered, "login.example.com"),
		CLI:     complains("call $URL t", "login.example.com"),
	},
	{
		ID: "F73b", Kind: Statuses, Sends: "a call is answered with 201 or 203 and the complete result",
		Sources: []string{"servers with statuses of their own"},
		Scripts: each("tools/call", object(http.StatusCreated, "$OK"), object(203, "$OK")), Want: works(),
	},
}
