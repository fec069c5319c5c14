package peers_test

import "slices"

// serverProgram is a third-party server program: how it starts, and what the tests expect of it.
//
// The program gets the port to listen on, on 127.0.0.1, in the environment variable PORT. In args,
// env and the arguments of tools, these words are replaced:
//
//	$PORT      the port
//	$DIR       a new directory with the files hello.txt (the text "hello") and big.txt (bigSize bytes)
//	$NODE      the path of the pinned node
//	$BIN       the directory servers/node_modules/.bin, which comes first in the program's PATH
//	$SERVERS   the directory servers
//	$CHROMIUM  the path of Chromium
//	$STARTED   a URL that a long call requests when it has started
//
// Unless the table says otherwise, the program has these tools:
//
//	echo {text: string}      returns text
//	progress {steps: int}    sends that many progress notifications, if the call has a progress
//	                         token, and then returns "done"
//	big {size: int}          returns a text of that many bytes
//	wait {ms: int}           prints the line "started wait", waits, and returns "waited"; if the
//	                         request is cancelled meanwhile, it prints "cancelled wait"
type serverProgram struct {
	// name is the row in docs/compatibility.md, such as "fastmcp" or "supergateway, stateless". The
	// row also shows the version of pkg. The test is named TestServers/NAME_VERSION/direct.
	name string
	// implementation is the framework that speaks the protocol. Several programs may share it.
	implementation string
	// pkg is the npm package whose version is shown: its directory below node_modules, which may be
	// an alias. It is in package-lock.json of servers or of this directory. For a Go program it is
	// the path of the Go module.
	pkg string

	// One of script, bin and goDir names the program: a file below servers that node runs, such as
	// "fastmcp.mjs"; a program of the npm packages, which node runs too; a directory below servers
	// with a Go module.
	script, bin, goDir string
	args, env          []string
	path               string // of the endpoint; "" means /mcp

	// ci selects the program for every run. The others run with the flag -all.
	ci bool
	// protocol is the version that a session with default options negotiates. If pinned is set, the
	// session has default options otherwise and pins this version.
	protocol string
	pinned   bool
	// stateless means that the server keeps no sessions. It may issue session IDs nevertheless.
	stateless bool

	// The calls that the features use, if the program does not have the tools above. Such a wait has
	// to report progress or request $STARTED, which shows that it has started.
	echo, progress, big, wait *toolCall
	// na maps each feature that the program does not offer to the reason, at most 25 words. The
	// page shows the reasons in a list.
	na map[feature]string
}

// toolCall is a call and the text that its result contains. The result of "big" has at least
// bigSize bytes.
type toolCall struct {
	tool string
	args map[string]any
	want string
}

// feature is a column in docs/compatibility.md.
type feature string

// The features in the order of the columns.
const (
	connects  feature = "connect"
	lists     feature = "list"
	calls     feature = "call"
	progress  feature = "progress"
	big       feature = "500 kB"
	wrongArgs feature = "wrong arguments" // of echo: {"wrong": true}
	pings     feature = "ping"
	cancels   feature = "cancel"      // the call ends promptly, and the session continues
	cancelled feature = "cancel seen" // the tool learns of it and prints "cancelled wait"
	closes    feature = "close"       // Close deletes the session, and its ID is refused afterwards
	restarts  feature = "restart"     // the session continues after the program is killed and restarted
)

var features = []feature{connects, lists, calls, progress, big, wrongArgs, pings, cancels, cancelled, closes, restarts}

const bigSize = 500_000

// serverPrograms returns all programs in the order of the page.
func serverPrograms() []serverProgram { return slices.Concat(referenceServers, goServers, npmServers) }

// referenceServers are programs of the MCP project. Other tests use them too.
var referenceServers = []serverProgram{
	{
		name: "server-everything", implementation: "TypeScript SDK", pkg: "@modelcontextprotocol/server-everything",
		bin: "mcp-server-everything", args: []string{"streamableHttp"}, ci: true, protocol: "2025-11-25",
		echo:     &toolCall{"echo", map[string]any{"message": "hello ü"}, "Echo: hello ü"},
		progress: &toolCall{"trigger-long-running-operation", map[string]any{"duration": 0.3, "steps": 3}, "completed"},
		wait:     &toolCall{"trigger-long-running-operation", map[string]any{"duration": 600, "steps": 60_000}, ""},
		na: map[feature]string{
			big:       "no tool returns a text of a given size",
			cancelled: noSign,
		},
	},
}

// goServers are the programs written in Go. npmServers lists those for node.
var goServers = []serverProgram{
	{
		name: "mcp-go", implementation: "mcp-go", pkg: "github.com/mark3labs/mcp-go", goDir: "mcpgo037",
		ci: true, protocol: "2025-06-18",
	},
	{
		name: "mcp-go, stateless", implementation: "mcp-go", pkg: "github.com/mark3labs/mcp-go", goDir: "mcpgo037",
		env: []string{"STATELESS=1"}, protocol: "2025-06-18", stateless: true,
		na: map[feature]string{closes: noSession},
	},
	{
		name: "mcp-go", implementation: "mcp-go", pkg: "github.com/mark3labs/mcp-go", goDir: "mcpgo032",
		protocol: "2025-03-26",
	},
	{
		name: "mcp-go, stateless", implementation: "mcp-go", pkg: "github.com/mark3labs/mcp-go", goDir: "mcpgo032",
		env: []string{"STATELESS=1"}, protocol: "2025-03-26", stateless: true,
		na: map[feature]string{closes: noSession},
	},
	{
		name: "go-sdk", implementation: "go-sdk", pkg: "github.com/modelcontextprotocol/go-sdk", goDir: "gosdk11",
		ci: true, protocol: "2025-06-18",
	},
	{
		name: "go-sdk, stateless", implementation: "go-sdk", pkg: "github.com/modelcontextprotocol/go-sdk", goDir: "gosdk11",
		env: []string{"STATELESS=1"}, protocol: "2025-06-18", stateless: true,
		na: map[feature]string{cancelled: "without sessions, the server does not know the call that a cancellation names"},
	},
}

// noSession is the reason of stateless programs for closes.
const noSession = "the server has no sessions"
