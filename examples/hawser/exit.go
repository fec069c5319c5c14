package main

import "github.com/hawser-mcp/hawser/mcpclient"

// Exit codes. The help text and README.md list them.
const (
	exitOK        = 0
	exitTool      = 1   // the tool ran and reported an error
	exitUsage     = 2   // invalid command line, arguments or file
	exitNotRun    = 3   // the call did not run: the server is down, too slow, or busy
	exitRefused   = 4   // the server refused, or does not speak MCP
	exitAuth      = 5   // the server requires credentials, or refused those sent
	exitUnknown   = 6   // no final answer: the tool may have run
	exitOutput    = 7   // the result arrived but could not be printed or saved
	exitCancelled = 130 // ended by Ctrl-C or SIGTERM
)

const exitHelp = `Exit codes:
  0    success
  1    the tool ran and reported an error
  2    usage error: invalid command line, arguments or file; nothing was run
  3    the call did not run: the server is unreachable, too slow or busy
  4    the server refused the request or does not speak MCP
  5    authorization required
  6    the tool may have run: its answer was lost; check before you repeat it
  7    the result arrived but could not be printed or saved
  130  cancelled by Ctrl-C or SIGTERM`

// codeOf returns the exit code of an error.
func codeOf(e *mcpclient.Error) int {
	switch e.Kind { //nolint:exhaustive // the outcome decides about the others
	case mcpclient.KindInvalid:
		return exitUsage
	case mcpclient.KindTool:
		return exitTool
	}
	switch {
	case e.Outcome == mcpclient.Unknown && !mcpclient.SafeToRepeat(e):
		return exitUnknown
	case e.Kind == mcpclient.KindAuthRequired:
		return exitAuth
	case isLimited(e), e.Outcome == mcpclient.NotRun && e.Method != "connect": //nolint:usestdlibvars // not HTTP's
		return exitNotRun
	}
	switch e.Kind { //nolint:exhaustive // the others are refusals
	case mcpclient.KindNotSent, mcpclient.KindUnanswered, mcpclient.KindOutcomeUnknown, mcpclient.KindTimeout, mcpclient.KindCanceled:
		return exitNotRun
	}
	return exitRefused
}

// kindNames maps error kinds of package mcpclient to values of problem.Kind.
var kindNames = map[mcpclient.Kind]string{
	mcpclient.KindInvalid: "invalid", mcpclient.KindNotSent: "not_sent", mcpclient.KindOutcomeUnknown: "outcome_unknown",
	mcpclient.KindUnanswered: "unanswered", mcpclient.KindServer: "server", mcpclient.KindHTTP: "http",
	mcpclient.KindAuthRequired: "auth_required", mcpclient.KindForbidden: "forbidden", mcpclient.KindProtocol: "protocol",
	mcpclient.KindLimit: "limit", mcpclient.KindVersion: "version", mcpclient.KindSessionLost: "session_lost",
	mcpclient.KindTimeout: "timeout", mcpclient.KindCanceled: "canceled", mcpclient.KindClosed: "closed",
	mcpclient.KindInput: "input", mcpclient.KindTool: "tool",
}

// codeNames maps exit codes to values of problem.Kind, for errors without a kind of package
// mcpclient.
var codeNames = map[int]string{
	exitTool: "tool", exitUsage: "usage", exitNotRun: "not_sent", exitRefused: "refused", exitAuth: "auth_required",
	exitUnknown: "outcome_unknown", exitOutput: "output", exitCancelled: "cancelled",
}
