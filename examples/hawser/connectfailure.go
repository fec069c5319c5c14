package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// connectFailure returns the cause of a failed connect, and a hint. It omits the stages of the
// request, which --verbose shows. It writes its own hints, because those of package mcpclient are
// part of its error texts.
func (a *app) connectFailure(e *mcpclient.Error, f failure) (cause, hint string) {
	if e.Kind == mcpclient.KindInvalid {
		return invalidFailure(e.Err.Error(), f.hint)
	}
	cause, hint = a.linkFailure(e)
	var (
		status   *mcpclient.HTTPError
		protocol *mcpclient.ProtocolError
		redirect *mcpclient.RedirectError
		rpc      *mcpclient.RPCError
	)
	switch {
	case strings.Contains(e.Error(), "old HTTP+SSE transport"):
		cause, hint = "the endpoint speaks the old HTTP+SSE transport (2024-11-05), which is not supported", a.streamableHint()
	case errors.As(e, &status):
		cause, hint = statusText(status), a.statusHint(e, status)
	case errors.As(e, &protocol):
		cause, hint = protocolText(protocol), a.endpointHint()
	case errors.As(e, &redirect):
		cause, hint = a.redirectFailure(redirect)
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

// statusHint returns the hint for an HTTP status that made connecting fail. It returns "" if the
// hint for the kind of error is better.
func (a *app) statusHint(e *mcpclient.Error, status *mcpclient.HTTPError) string {
	switch code := status.Status; {
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		if proxy := a.proxyUsed(); proxy != "" {
			return "the request went through the proxy " + proxy + "; try without it: " + a.withoutProxy()
		}
		return "a proxy answered because the server is down or starting; try again later with: hawser ping " + a.target()
	case code == http.StatusProxyAuthRequired:
		return "the proxy " + a.proxyUsed() + " requires a password; put it into the proxy's URL in HTTP_PROXY or HTTPS_PROXY"
	case e.Kind != mcpclient.KindHTTP, code == http.StatusTooManyRequests:
		return ""
	case a.flags.noCookies && a.network.hasCookies():
		return "the server sets cookies; try without --no-cookies"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		return a.endpointHint()
	case code == http.StatusMisdirectedRequest:
		return a.hostHint(status.Preview)
	case code == http.StatusBadRequest && expectsTLS.MatchString(status.Preview):
		return "the port expects TLS; try: hawser ping " + withScheme(a.shown, "https")
	case code == http.StatusNotAcceptable:
		return "the server or a proxy does not accept JSON and event streams; see what it received with: hawser ping " + a.target() + " --trace"
	case isHTML(status):
		return a.endpointHint()
	case code >= http.StatusInternalServerError:
		return "the server failed; see its log"
	}
	return ""
}

// expectsTLS matches error pages of servers (Go, nginx, Apache, Node.js proxies) that received
// plain HTTP on a TLS port.
var expectsTLS = regexp.MustCompile(`(?i)to (an? )?HTTPS (server|port)|SSL-enabled server port|plain HTTP request`)

// endpointHint returns the hint for a URL that is not an MCP endpoint.
func (a *app) endpointHint() string {
	u, err := url.Parse(a.shown)
	switch {
	case a.found.endpoint != "":
		return "there is an MCP endpoint at another path; try: hawser ping " + a.found.endpoint
	case err == nil && path.Base(u.Path) == "sse":
		return "/sse is usually the old HTTP+SSE transport; " + streamableHint
	}
	return "check that this is the URL of an MCP endpoint; many end in /mcp"
}

const streamableHint = "ask the operator for the URL of Streamable HTTP, often the same with /mcp"

// streamableHint returns the hint for an endpoint of the old transport.
func (a *app) streamableHint() string {
	if a.found.endpoint != "" {
		return a.endpointHint()
	}
	return streamableHint
}

// redirectFailure returns the cause and the hint for a redirect that was not followed.
func (a *app) redirectFailure(e *mcpclient.RedirectError) (cause, hint string) {
	target := a.network.redirect()
	if target == "" {
		return e.Error(), "if you trust " + e.Origin + ", use its URL"
	}
	cause = fmt.Sprintf("redirect %d to %s not followed: %s", e.Status, oneLine(target, 200), e.Reason)
	switch {
	case loginPage.MatchString(target):
		return cause, "the server sends browsers to a login page; send the credentials that it expects: --header 'Authorization: Bearer env:TOKEN'"
	case strings.HasPrefix(a.shown, e.Origin+"/") || a.shown == e.Origin:
		return cause, "use the new URL: hawser ping " + oneLine(target, 200)
	}
	return cause, "if you trust " + e.Origin + ", use its URL: hawser ping " + oneLine(target, 200)
}

var loginPage = regexp.MustCompile(`(?i)[/?.](login|log-in|signin|sign-in|sso|auth|oauth2?)\b`)

// invalidFailure returns the cause and the hint for invalid input that was refused before sending.
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

// linkFailure returns the cause and the hint for a server that could not be reached.
func (a *app) linkFailure(e *mcpclient.Error) (cause, hint string) {
	var (
		dns       *net.DNSError
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		expired   x509.CertificateInvalidError
	)
	proxy := a.proxyUsed()
	if a.isRemote() {
		if cause, hint = a.executorCause(e); cause != "" {
			return cause, hint
		}
	}
	switch {
	case proxy != "" && (e.Kind == mcpclient.KindNotSent || isRefused(e)):
		text := causeOf(e)
		if isRefused(e) {
			text = "connection refused"
		}
		return "the proxy " + proxy + " did not connect: " + text,
			"check HTTPS_PROXY and HTTP_PROXY, or try without the proxy: " + a.withoutProxy()
	case isRefused(e):
		return "connection refused", "check that the server is running and listens on this port"
	case errors.As(e, &dns) && dns.IsNotFound:
		return "no such host: " + dns.Name, "check the spelling of the host name"
	case errors.As(e, &record):
		return "the server does not speak TLS on this port", "try http instead of https: hawser ping " + withScheme(a.shown, "http")
	case errors.As(e, &authority):
		return authority.Error(), "if the certificate is from your own authority, trust it with --cacert FILE"
	case errors.As(e, &hostname):
		return hostname.Error(), "use the host name of the certificate"
	case errors.As(e, &expired):
		return causeOf(e), "the operator has to renew the certificate"
	case needsCertificate.MatchString(e.Error()):
		return causeOf(e), "the server requires a client certificate: --cert FILE --key FILE"
	case e.Kind == mcpclient.KindTimeout:
		text, _, _ := strings.Cut(causeOf(e), "; ") // without the hints of package mcpclient
		return text, "nothing answers there; check the host and port, or skip the negotiation with --protocol 2025-11-25"
	case e.Kind == mcpclient.KindNotSent, e.Kind == mcpclient.KindUnanswered:
		return causeOf(e), ""
	}
	return "", ""
}

// isRemote reports whether an executor sends the requests.
func (a *app) isRemote() bool {
	return a.network != nil && a.network.proxy == nil && a.env.transport == nil
}

// executorCause returns the cause and the hint if an executor could not reach the server. It
// recognizes the cause by the error text. It returns "" for other errors.
func (a *app) executorCause(e *mcpclient.Error) (cause, hint string) {
	text := causeOf(e)
	switch {
	case isRefused(e):
		return "connection refused, as seen from the executor", "check that the server is running where the executor can reach it"
	case strings.Contains(text, "no such host"):
		return "no such host, as seen from the executor", "check the spelling of the host name, and that the executor can resolve it"
	case strings.Contains(text, "egress policy"):
		return text, "allow this address where the executor runs"
	case strings.Contains(text, "unknown authority"):
		return text, "trust the certificate's authority where the executor runs"
	case strings.Contains(text, "does not look like a TLS handshake"), strings.Contains(text, "HTTP response to HTTPS client"):
		return "the server does not speak TLS on this port", "try http instead of https: hawser ping " + withScheme(a.shown, "http")
	}
	return "", ""
}

// needsCertificate matches the alerts of servers that require a client certificate (RFC 8446,
// section 6.2).
var needsCertificate = regexp.MustCompile(`tls: (certificate required|bad certificate)`)

// proxyUsed returns the proxy of the last request, or "" if it used none.
func (a *app) proxyUsed() string {
	if a.network == nil {
		return ""
	}
	return oneLine(a.network.proxyUsed(), 100)
}

// withoutProxy returns a command line that connects without the proxy.
func (a *app) withoutProxy() string {
	host := a.host
	if u, err := url.Parse(a.shown); err == nil {
		host = u.Hostname()
	}
	return "NO_PROXY=" + host + " hawser ping " + a.target()
}

func withScheme(shown, scheme string) string {
	_, rest, _ := strings.Cut(shown, "://")
	return scheme + "://" + rest
}
