package otelmcp

import (
	"net/url"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// Names of the semantic conventions; see testdata/conventions.txt.
const (
	metricOperation = "mcp.client.operation.duration"
	metricSession   = "mcp.client.session.duration"

	keyMethod          = attribute.Key("mcp.method.name")
	keyVersion         = attribute.Key("mcp.protocol.version")
	keyResource        = attribute.Key("mcp.resource.uri")
	keyTool            = attribute.Key("gen_ai.tool.name")
	keyPrompt          = attribute.Key("gen_ai.prompt.name")
	keyOperation       = attribute.Key("gen_ai.operation.name")
	keyRequestID       = attribute.Key("jsonrpc.request.id")
	keyCode            = attribute.Key("rpc.response.status_code")
	keyErrorType       = attribute.Key("error.type")
	keyAddress         = attribute.Key("server.address")
	keyPort            = attribute.Key("server.port")
	keyTransport       = attribute.Key("network.transport")
	keyProtocol        = attribute.Key("network.protocol.name")
	keyProtocolVersion = attribute.Key("network.protocol.version")
	keyHTTPMethod      = attribute.Key("http.request.method")
	keyHTTPStatus      = attribute.Key("http.response.status_code")
	keyURL             = attribute.Key("url.full")
)

// Names of this package; see testdata/hawser.txt.
const (
	spanRecovery = "hawser.recovery"
	spanResponse = "hawser.response"
	eventRetry   = "hawser.retry"

	keyOutcome    = attribute.Key("hawser.outcome")           // of a failed message: what is known of whether it ran
	keyReplaced   = attribute.Key("hawser.recovery.replaced") // a new session replaced the old one
	keyTries      = attribute.Key("hawser.retry.tries")       // how often the message was sent before
	keyReason     = attribute.Key("hawser.retry.reason")      // what the session did before it was sent again
	keyWait       = attribute.Key("hawser.retry.wait")        // the pause in seconds
	otherError    = "_OTHER"                                  // the value of error.type that stands for any other
	toolError     = "tool_error"
	canceledError = "canceled"
)

// Span kinds. Each option is made once, because making it allocates.
var (
	asClient   = trace.WithSpanKind(trace.SpanKindClient)
	asServer   = trace.WithSpanKind(trace.SpanKindServer)
	asInternal = trace.WithSpanKind(trace.SpanKindInternal)
)

// fail gives a span the status Error. The status has no description: an error of the server may
// quote arguments.
func fail(span trace.Span, errorType string) {
	span.SetAttributes(keyErrorType.String(errorType))
	span.SetStatus(codes.Error, "")
}

// serverAttributes returns the address and port of a URL.
func serverAttributes(u *url.URL) []attribute.KeyValue {
	port, err := strconv.Atoi(u.Port())
	switch {
	case err == nil:
	case u.Scheme == "https":
		port = 443
	default:
		port = 80
	}
	return []attribute.KeyValue{keyAddress.String(u.Hostname()), keyPort.Int(port)}
}

// endpointAttributes returns the attributes of the server at an endpoint.
func endpointAttributes(endpoint string) []attribute.KeyValue {
	u, err := url.Parse(endpoint)
	if err != nil { // cannot happen: the session has parsed it
		return nil
	}
	return serverAttributes(u)
}

// shown returns a URI without its query, fragment and userinfo, which may hold secrets. It returns ""
// for an invalid URI.
func shown(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return shownURL(u)
}

func shownURL(u *url.URL) string {
	plain := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path, RawPath: u.RawPath, OmitHost: u.OmitHost}
	return plain.String()
}
