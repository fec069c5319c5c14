package field

import "github.com/hawser-mcp/hawser/mcpclient"

var commandLine = []Quirk{
	{
		ID: "C1", Kind: CommandLine, Sends: "the server works, but --save names a missing directory",
		Sources: []string{"first use"}, Scripts: one(all()), Want: works(),
		CLI: &CLI{Args: "call $URL t --save missing/directory", Fails: true, Says: []string{"missing/directory"}, Calls: none},
	},
	{
		ID: "C2", Kind: CommandLine, Sends: "the server always answers 503, and --timeout is shorter than the retries",
		Sources: []string{"first use"}, Scripts: one(always("POST", status(503))), Want: refused(mcpclient.KindHTTP, "503"),
		CLI: complains("tools $URL --timeout 2s", "503"),
	},
	{
		ID: "C3", Kind: CommandLine, Sends: "no server listens",
		Sources: []string{"first use"}, Scripts: one(down), Want: refused(mcpclient.KindNotSent, "connection refused"),
		CLI: complains("tools $URL", "connection refused"),
	},
	{
		ID: "S16", Kind: CommandLine, Sends: "server/discover fails, or starts a new process each time",
		Sources: []string{"servers that start a process for each session"}, Eras: Legacy, Scripts: one(all()), Want: works(),
		CLI: &CLI{Args: "call $URL t", Says: []string{"ok"}, Runs: 2},
	},
	{
		ID: "C4", Kind: CommandLine, Sends: "the server answers 401 with a Basic challenge or none",
		Sources: []string{"servers behind passwords"}, Scripts: eachAlways("POST", with("Www-Authenticate", `Basic realm="x"`, status(401)), status(401)),
		Want: refused(mcpclient.KindAuthRequired, "401"), CLI: complains("tools $URL", "--header"),
	},
	{
		ID: "C4b", Kind: CommandLine, Sends: "the server redirects /mcp to /mcp/ with 302",
		Sources: []string{"prebid/salesagent#266"}, Scripts: eachAlways("POST", when(slashless, redirect(302, "/mcp/"))),
		Want: refused(mcpclient.KindHTTP, "/mcp/"), CLI: complains("tools $URL", "http://127.0.0.1/mcp/"),
	},
	{
		ID: "C5", Kind: CommandLine, Sends: "the connection is cut during a call, and the command line has --json",
		Sources: []string{"scripts"}, Scripts: each("tools/call", cut(nothing)), Want: fails(mcpclient.KindOutcomeUnknown, mcpclient.Unknown, "tools/call"),
		CLI: complains("call $URL t --json", `"kind"`, `"safe_to_repeat"`, `"hint"`),
	},
	{
		ID: "A8", Kind: CommandLine, Sends: "authorization needs additional parameters, or a callback on localhost",
		Sources: []string{"Google's authorization server"}, Scripts: one(all()), Want: works(),
		CLI: prints("tools $URL --auth-param access_type=offline --callback http://localhost:8976/callback", "t"),
	},
	{
		ID: "C6", Kind: CommandLine, Sends: "the server works, and the command line has --trace",
		Sources: []string{"first use"}, Scripts: one(all()), Want: works(), CLI: prints("call $URL t --trace", "tools/call", "200", "ok"),
	},
}
