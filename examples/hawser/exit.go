package main

// Exit codes. The help text and README.md list them.
const (
	exitOK          = 0
	exitTool        = 1   // the tool ran and reported an error
	exitUsage       = 2   // invalid command line, arguments or file
	exitUnreachable = 3   // no answer: the server is down, or too slow
	exitRefused     = 4   // the server refused, or does not speak MCP
	exitAuth        = 5   // the server requires (other) credentials
	exitCancelled   = 130 // ended by Ctrl-C or SIGTERM
)

const exitHelp = `Exit codes:
  0    success
  1    the tool ran and reported an error
  2    usage error: invalid command line, arguments or file
  3    the server is unreachable or did not answer in time
  4    the server refused the request or does not speak MCP
  5    authorization required
  130  cancelled by Ctrl-C or SIGTERM`
