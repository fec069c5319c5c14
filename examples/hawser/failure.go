package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// failure is an error for the user: what happened, on one line, and what to do about it.
type failure struct {
	code        int
	cause, hint string
}

func (f *failure) Error() string { return f.cause }

func usageError(hint, format string, args ...any) error {
	return &failure{code: exitUsage, cause: fmt.Sprintf(format, args...), hint: hint}
}

// usageFailure explains an invalid command line.
func usageFailure(cmd *cobra.Command, err error) failure {
	cause, _, _ := strings.Cut(err.Error(), "\n") // cobra adds lines with suggestions
	f := failure{code: exitUsage, cause: "hawser: " + oneLine(cause, 300), hint: "hawser --help"}
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

// serverFailure explains an error of the session.
func (a *app) serverFailure(err error) failure {
	var e *mcpclient.Error
	if !errors.As(err, &e) {
		return a.authFailure(err, failure{code: exitUsage, cause: oneLine(err.Error(), 500)})
	}
	f := failure{code: codeOf(e), cause: oneLine(strings.TrimPrefix(e.Error(), "mcp "), 500), hint: a.hintOf(e)}
	if e.Method == "connect" { //nolint:usestdlibvars // not HTTP's
		f.cause, f.hint = a.connectFailure(e, f)
	}
	f = a.authFailure(err, f)
	f.cause = withoutRemains(f.cause)
	if errors.Is(err, errTimeIsUp) {
		f.code, f.cause = exitUnreachable, fmt.Sprintf("timed out after %v", a.flags.timeout)
		f.hint = "allow more time with --timeout"
	}
	if hint := outcomeHint(e); hint != "" && (f.hint == "" || e.Outcome == mcpclient.Unknown) {
		f.hint = hint
	}
	return f
}

// outcomeHint says what is known of a call that is not safe to repeat.
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

// remains are the rest of an escape sequence after package mcpclient replaced its control
// characters by U+FFFD.
var remains = regexp.MustCompile(`\x{fffd}(?:\[[\x30-\x3f]*[\x20-\x2f]*[\x40-\x7e]|\][^\x{fffd}]{0,200}\x{fffd}\\?)`)

func withoutRemains(text string) string { return remains.ReplaceAllString(text, "") }

// codeOf returns the exit code of an error.
func codeOf(e *mcpclient.Error) int {
	switch e.Kind {
	case mcpclient.KindInvalid:
		return exitUsage
	case mcpclient.KindNotSent, mcpclient.KindUnanswered, mcpclient.KindOutcomeUnknown, mcpclient.KindTimeout, mcpclient.KindCanceled:
		return exitUnreachable
	case mcpclient.KindAuthRequired:
		return exitAuth
	case mcpclient.KindTool:
		return exitTool
	default:
		return exitRefused
	}
}

// connectFailure explains why connecting failed, without the stages, which --verbose shows. The
// hints of package mcpclient cannot be separated from its texts, so this function makes its own.
func (a *app) connectFailure(e *mcpclient.Error, f failure) (cause, hint string) {
	if e.Kind == mcpclient.KindInvalid {
		return invalidFailure(e.Err.Error(), f.hint)
	}
	cause, hint = linkFailure(e)
	var (
		status   *mcpclient.HTTPError
		protocol *mcpclient.ProtocolError
		redirect *mcpclient.RedirectError
		rpc      *mcpclient.RPCError
	)
	const endpointHint = "check that this is the URL of an MCP endpoint; many end in /mcp"
	switch {
	case errors.As(e, &status):
		cause = statusText(status)
		switch {
		case status.Status == http.StatusBadGateway, status.Status == http.StatusServiceUnavailable, status.Status == http.StatusGatewayTimeout:
			hint = "a proxy answered because the server is down or starting; try again later"
		case e.Kind != mcpclient.KindHTTP: // authorization
		case status.Status == http.StatusNotFound, status.Status == http.StatusMethodNotAllowed, isHTML(status):
			hint = endpointHint
		case status.Status == http.StatusBadRequest && status.RPC == nil && a.plain:
			hint = "if the server requires TLS, use https"
		case status.Status >= http.StatusInternalServerError:
			hint = "the server failed; see its log"
		}
	case errors.As(e, &protocol):
		cause, hint = protocolText(protocol), endpointHint
	case errors.As(e, &redirect):
		cause, hint = redirect.Error(), "if you trust "+redirect.Origin+", use its URL"
	case errors.As(e, &rpc):
		cause = rpc.Error()
	}
	if cause == "" {
		return f.cause, f.hint
	}
	if hint == "" {
		hint = f.hint
	}
	if hint == "" && a.flags.protocol != "" {
		hint = protocolHint
	}
	return fmt.Sprintf("cannot connect to %s: %s", a.shown, oneLine(cause, 400)), hint
}

// invalidFailure explains what was refused before anything was sent.
func invalidFailure(cause, hint string) (string, string) {
	switch rest, header := strings.CutPrefix(cause, "option Header: "); {
	case header:
		if strings.Contains(rest, "cannot be set") {
			return "--header: " + rest, "omit this header"
		}
		return "--header: " + rest, headerHint
	case strings.Contains(cause, "endpoint URL"):
		hint = urlHint
	case strings.HasPrefix(cause, "protocol version"):
		hint = protocolHint
	}
	return cause, hint
}

const protocolHint = "omit --protocol to let hawser choose a version"

// linkFailure explains why the server was not reached.
func linkFailure(e *mcpclient.Error) (cause, hint string) {
	var (
		dns       *net.DNSError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		expired   x509.CertificateInvalidError
	)
	switch {
	case errors.Is(e, syscall.ECONNREFUSED):
		return "connection refused", "check that the server is running and listens on this port"
	case errors.As(e, &dns) && dns.IsNotFound:
		return "no such host: " + dns.Name, "check the spelling of the host name"
	case errors.As(e, &record):
		return "the server does not speak TLS on this port", "try http instead of https"
	case errors.As(e, &authority):
		return authority.Error(), "if the certificate is from your own authority, set SSL_CERT_FILE to the file of that authority"
	case e.Kind == mcpclient.KindTimeout:
		return causeOf(e), "nothing answers there; check the host and port"
	case errors.As(e, &hostname), errors.As(e, &expired), e.Kind == mcpclient.KindNotSent, e.Kind == mcpclient.KindUnanswered:
		return causeOf(e), ""
	}
	return "", ""
}

// causeOf returns the cause without the stages of the request.
func causeOf(e *mcpclient.Error) string {
	cause := e.Err
	var link *transport.Error
	for errors.As(cause, &link) && link.Err != nil {
		cause = link.Err
	}
	return cause.Error()
}

// statusText describes an HTTP status without the page that came with it.
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

// hintOf returns the hint for an error that any command may have.
func (a *app) hintOf(e *mcpclient.Error) string {
	var rpc *mcpclient.RPCError
	errors.As(e, &rpc)
	switch {
	case e.Kind == mcpclient.KindAuthRequired && a.authorized:
		return "the server rejected the Authorization header; the token may have expired"
	case e.Kind == mcpclient.KindAuthRequired:
		return "hawser login " + a.shown + " (or send a token: --header 'Authorization: Bearer env:TOKEN')"
	case e.Kind == mcpclient.KindForbidden:
		return "access denied; the token may lack a scope"
	case e.Kind == mcpclient.KindVersion && a.flags.protocol != "":
		return protocolHint
	case e.Kind == mcpclient.KindInput:
		return "the server needs input; see --elicit, --sample and --root"
	case e.Kind == mcpclient.KindTimeout:
		return "the server did not answer in time; run with --verbose to see more"
	case e.Method == "resources/read":
		return "list the resources with: hawser resources URL"
	case rpc == nil:
		return ""
	case rpc.Code == mcpclient.CodeURLElicitationRequired:
		return "visit the URL first, then run the command again"
	case rpc.Code == mcpclient.CodeMissingCapability:
		return "the server needs a capability that hawser did not declare; see --root"
	case rpc.Code == mcpclient.CodeMethodNotFound:
		return "the server does not support this; hawser ping URL shows what it is"
	}
	return ""
}

// methodNotFound reports whether the server does not support a request.
func methodNotFound(err error) bool {
	var rpc *mcpclient.RPCError
	return errors.As(err, &rpc) && rpc.Code == mcpclient.CodeMethodNotFound
}
