package main

// Exit codes, so that a script can tell what happened. Help and README.md list them.
const (
	exitOK          = 0
	exitTool        = 1   // the tool ran and says that it failed
	exitUsage       = 2   // the command line, its arguments or a file cannot be used
	exitUnreachable = 3   // no answer: the server is down, or too slow
	exitRefused     = 4   // the server refused, or does not speak MCP
	exitAuth        = 5   // the server wants (other) credentials
	exitCancelled   = 130 // ended by Ctrl-C or SIGTERM
)

const exitHelp = `Exit codes:
  0    it worked
  1    the tool ran and says that it failed
  2    usage: the command line, the arguments or a file cannot be used
  3    the server cannot be reached, or did not answer in time
  4    the server refused, or what answers is no MCP server
  5    authorization required
  130  cancelled by Ctrl-C or SIGTERM`
