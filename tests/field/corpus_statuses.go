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
		ID: "F60", Kind: Statuses, Sends: "421 because of the Host header",
		Sources: []string{"PrefectHQ/fastmcp#4468", "modelcontextprotocol/python-sdk#1798"},
		Scripts: eachAlways("POST", text(421, "Invalid Host header")), Want: refused(mcpclient.KindHTTP, "421", "Invalid Host header"),
		CLI: complains("tools $URL", "Invalid Host header"),
	},
	{
		ID: "F61", Kind: Statuses, Sends: "403 because there is no User-Agent",
		Sources: []string{"openai/codex#12859", "anthropics/claude-ai-mcp#923"},
		Scripts: one(always("*", when(func(x *Exchange) bool { return x.UserAgent() == "" }, page(403, "<html>Forbidden</html>")))), Want: works(),
	},
	{
		ID: "F62", Kind: Statuses, Sends: "a challenge for browsers: 403 with HTML",
		Sources: []string{"exa-labs/exa-mcp-server#414", "anthropics/claude-code#72673"},
		Scripts: one(always("POST", with("Cf-Mitigated", "challenge", page(403, challenge)))), Want: refused(mcpclient.KindForbidden, "Just a moment"),
		CLI: complains("tools $URL", "403", "HTML page"),
	},
	{
		ID: "F63", Kind: Statuses, Sends: "a firewall refuses one call for its arguments: 403 with HTML",
		Sources: []string{"anthropics/claude-code#64384"},
		Scripts: each("tools/call", page(403, "<html>Blocked by WAF</html>")), Want: fails(mcpclient.KindForbidden, mcpclient.Answered, "403", "Blocked by WAF"),
		CLI: complains("call $URL t", "Blocked by WAF"),
	},
	{
		ID: "F64", Kind: Statuses, Sends: "a gateway's deadline for a call: 504 after 29 s, 524 after 100 s",
		Sources: []string{"aws/chalice#537", "aws/chalice#1580", "cloudflare/cloudflare-docs#32243"},
		Scripts: each("tools/call", after(29*time.Second, object(504, `{"message":"Endpoint request timed out"}`)), after(100*time.Second, page(524, "A timeout occurred"))),
		Want:    fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "status 5"),
		CLI:     complains("call $URL t", "504", "may have run"),
	},
	{
		ID: "F64b", Kind: Statuses, Sends: "a gateway's deadline for a list",
		Sources: []string{"simonx1/ruby-mcp-client#19"},
		Scripts: each("tools/list", object(504, `{"message":"Endpoint request timed out"}`)), Do: list, Want: gives("t").note("works: the list is requested again"),
	},
	{
		ID: "F65", Kind: Statuses, Sends: "406 unless text/event-stream stands first in Accept",
		Sources: []string{"diillson/chatcli#916"},
		Scripts: one(always("POST", when(func(x *Exchange) bool { return !strings.HasPrefix(x.Header.Get("Accept"), typeEvents) },
			object(406, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Not Acceptable"}}`)))),
		Want: works(),
	},
	{
		ID: "F67", Kind: Statuses, Sends: "403 with a Bearer challenge for a token that the server does not take",
		Sources: []string{"anthropics/claude-ai-mcp#385", "anthropics/claude-ai-mcp#393"},
		Scripts: each("tools/call", with("Www-Authenticate", `Bearer realm="x"`, status(403))), Want: fails(mcpclient.KindForbidden, mcpclient.NotRun, "403"),
	},
	{
		ID: "F68", Kind: Statuses, Sends: "the connection is cut, or 502, for a call",
		Sources: []string{"growthbook/growthbook-mcp#74"},
		Scripts: each("tools/call", status(502), cut(nothing)), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call"),
	},
	{
		ID: "F68b", Kind: Statuses, Sends: "the connection is cut, or 502, for a list",
		Sources: []string{"growthbook/growthbook-mcp#74"},
		Scripts: each("tools/list", status(502), cut(nothing)), Do: list, Want: gives("t").note("works: the list is requested again"),
	},
	{
		ID: "F69", Kind: Statuses, Sends: "307 from /mcp to /mcp/, with a relative Location",
		Sources: []string{"modelcontextprotocol/python-sdk#732", "PrefectHQ/fastmcp#1867"},
		Scripts: []Script{always("*", when(slashless, redirect(307, "/mcp/"))), always("*", when(slashless, redirect(307, "mcp/")))}, Want: works().calls(2).sessions(anyNumber),
	},
	{
		ID: "F71", Kind: Statuses, Sends: "301 or 302 from /mcp to /mcp/",
		Sources: []string{"prebid/salesagent#266", "modelcontextprotocol/modelcontextprotocol#2755"},
		Scripts: eachAlways("POST", when(slashless, redirect(301, "/mcp/")), when(slashless, redirect(302, "/mcp/"))),
		Want:    refused(mcpclient.KindHTTP, "/mcp/"),
	},
	{
		ID: "F70", Kind: Statuses, Sends: "307 to another scheme or host",
		Sources: []string{"dbcls/togomcp#175", "modelcontextprotocol/python-sdk#3397"},
		Scripts: eachAlways("POST", redirect(307, "https://$HOST/mcp/")), Want: refused(mcpclient.KindHTTP, "https://127.0.0.1/mcp/"),
	},
	{
		ID: "F72", Kind: Statuses, Sends: "308 from /mcp to /mcp/",
		Sources: []string{"stacklok/toolhive#4454"},
		Scripts: one(always("*", when(slashless, redirect(308, "/mcp/")))), Want: works().calls(2).sessions(anyNumber),
	},
	{
		ID: "F73", Kind: Statuses, Sends: "an expired token: 307 to a login page on another host",
		Sources: []string{"GitbookIO/gitbook#4280"},
		Scripts: each("tools/call", redirect(307, "https://login.example.com/sso?next=1")),
		Want:    fails(mcpclient.KindHTTP, mcpclient.Answered, "login.example.com"),
		CLI:     complains("call $URL t", "login.example.com"),
	},
	{
		ID: "F73b", Kind: Statuses, Sends: "a call is answered 201 or 203 with the whole answer",
		Sources: []string{"servers with statuses of their own"},
		Scripts: each("tools/call", object(http.StatusCreated, "$OK"), object(203, "$OK")), Want: works(),
	},
}
