package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// failure is an error for the user: a one-line cause, and a hint that says what to do.
type failure struct {
	code        int
	cause, hint string
}

func (f *failure) Error() string { return f.cause }

func usageError(hint, format string, args ...any) error {
	return &failure{code: exitUsage, cause: fmt.Sprintf(format, args...), hint: hint}
}

// usageFailure returns the failure for an invalid command line.
func usageFailure(cmd *cobra.Command, err error) failure {
	cause, _, _ := strings.Cut(err.Error(), "\n") // cobra adds lines with suggestions
	f := failure{code: exitUsage, cause: oneLine(cause, 300), hint: "hawser --help"}
	if cmd != nil && cmd.HasParent() {
		f.hint = cmd.CommandPath() + " --help"
	}
	if cmd == nil {
		return f
	}
	if word, ok := strings.CutPrefix(cause, "unknown flag: "); ok {
		f.hint = didYouMean(word, flagNames(cmd), f.hint)
	}
	if word, ok := strings.CutPrefix(cause, "unknown command "); ok {
		if strings.Contains(word, "://") || strings.Contains(word, "/mcp") {
			f.hint = "put the command before the URL: hawser tools URL"
		} else if word, err := strconv.QuotedPrefix(word); err == nil {
			f.hint = didYouMean(strings.Trim(word, `"`), commandNames(cmd), f.hint)
		}
	}
	return f
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, "--"+flag.Name) })
	return names
}

func commandNames(cmd *cobra.Command) (names []string) {
	for _, sub := range cmd.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// serverFailure returns the failure for an error from the session.
func (a *app) serverFailure(cmd *cobra.Command, err error) failure {
	var e *mcpclient.Error
	if !errors.As(err, &e) {
		return a.authFailure(cmd, err, failure{code: exitUsage, cause: oneLine(err.Error(), 500)})
	}
	f := failure{code: codeOf(e), cause: oneLine(strings.TrimPrefix(e.Error(), "mcp "), 500), hint: a.hintOf(e)}
	if e.Method == "connect" { //nolint:usestdlibvars // not HTTP's
		f.cause, f.hint = a.connectFailure(e, f)
	}
	if end := (*mcpclient.ListenError)(nil); errors.As(err, &end) {
		f = a.listenFailure(e, end, f)
	}
	if e.Kind == mcpclient.KindAuthRequired && a.found.login && !a.authorized {
		f.cause = "not logged in to " + a.shown
	}
	f = a.authFailure(cmd, err, f)
	f.cause = withoutRemains(f.cause)
	if errors.Is(err, errTimeIsUp) {
		f.cause, f.hint = fmt.Sprintf("timed out after %v", a.flags.timeout), "allow more time with --timeout"
		method := e.Method
		if a.session == nil {
			method = "" // while connecting, the last retry of any method is the cause
		}
		if last := a.waits.lastCause(method); last != "" {
			f.cause += "; the last try failed: " + last
		}
	}
	if hint := outcomeHint(e); hint != "" && (f.hint == "" || e.Outcome == mcpclient.Unknown) {
		f.hint = hint
	}
	return f
}

// outcomeHint returns a warning for a failed call that is not safe to repeat. It returns "" for
// other calls.
func outcomeHint(e *mcpclient.Error) string {
	switch {
	case mcpclient.SafeToRepeat(e):
		return ""
	case e.Outcome == mcpclient.Answered:
		return "the tool may have acted before it failed; check before you call it again"
	default:
		return "no answer arrived, but the tool may have run; check before you call it again"
	}
}

// remains matches the rest of an escape sequence in which package mcpclient has replaced the
// control characters with U+FFFD.
var remains = regexp.MustCompile(`\x{fffd}(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\][^\x{fffd}]{0,200}\x{fffd}\\?)`)

func withoutRemains(text string) string { return remains.ReplaceAllString(text, "") }

// causeOf returns the text of the cause, without the stages of the request.
func causeOf(e *mcpclient.Error) string {
	cause := e.Err
	var link *transport.Error
	for errors.As(cause, &link) && link.Err != nil {
		cause = link.Err
	}
	return cause.Error()
}

// statusText describes an HTTP status. It omits the HTML page of the response.
func statusText(e *mcpclient.HTTPError) string {
	if isHTML(e) {
		return fmt.Sprintf("HTTP status %d %s, with an HTML page", e.Status, http.StatusText(e.Status))
	}
	return e.Error()
}

func isHTML(e *mcpclient.HTTPError) bool {
	return e.RPC == nil && (strings.Contains(e.ContentType, "html") || looksLikeHTML(e.Preview))
}

func protocolText(e *mcpclient.ProtocolError) string {
	if looksLikeHTML(e.Preview) {
		return "expected an MCP server, got a web page"
	}
	return e.Error()
}

func looksLikeHTML(preview string) bool {
	preview = strings.ToLower(strings.TrimSpace(preview))
	return strings.HasPrefix(preview, "<!doctype") || strings.HasPrefix(preview, "<html") || strings.HasPrefix(preview, "<head") ||
		strings.HasPrefix(preview, "<!--")
}

// hintOf returns the hint for an error that is not specific to one command, or "" if no hint applies.
func (a *app) hintOf(e *mcpclient.Error) string {
	var rpc *mcpclient.RPCError
	errors.As(e, &rpc)
	switch {
	case e.Kind == mcpclient.KindAuthRequired:
		return a.credentialsHint(e)
	case e.Kind == mcpclient.KindForbidden:
		return a.forbiddenHint(e)
	case isLimited(e):
		return "the server limits requests; wait, then run the command again"
	case e.Kind == mcpclient.KindVersion && a.flags.protocol != "":
		return protocolHint
	case e.Kind == mcpclient.KindInput:
		return "the server needs input; see --elicit, --sample and --root"
	case e.Kind == mcpclient.KindTimeout:
		return "the server did not answer in time; run with --verbose to see more"
	case e.Method == "resources/read":
		return "list the resources with: hawser resources " + a.target()
	case rpc == nil:
		return ""
	case rpc.Code == mcpclient.CodeURLElicitationRequired:
		return "visit the URL first, then run the command again"
	case rpc.Code == mcpclient.CodeMissingCapability:
		return "the server needs a capability that hawser did not declare; see --root"
	case e.Method == "tools/call" && missesTool(rpc):
		return "list the tools with: hawser tools " + a.target()
	case rpc.Code == mcpclient.CodeMethodNotFound:
		return "the server does not support this; see what it is with: hawser ping " + a.target()
	}
	return ""
}

var namesMissingTool = regexp.MustCompile(`(?i)\b(tool\b.{0,100}\bnot found|unknown tool)\b`)

// missesTool reports whether a server refused a call because it has no such tool. Some servers have
// no such method then.
func missesTool(rpc *mcpclient.RPCError) bool {
	return rpc.Code == mcpclient.CodeMethodNotFound || rpc.Code == mcpclient.CodeInvalidParams && namesMissingTool.MatchString(rpc.Message)
}

// methodNotFound reports whether the server does not support a request.
func methodNotFound(err error) bool {
	var rpc *mcpclient.RPCError
	return errors.As(err, &rpc) && rpc.Code == mcpclient.CodeMethodNotFound
}
