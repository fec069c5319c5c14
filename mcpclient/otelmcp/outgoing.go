package otelmcp

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// outgoing wraps the messages that one session sends.
func (i *instruments) outgoing(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
	s := &sender{instruments: i, next: next}
	return func(ctx context.Context, out *mcpclient.Outgoing) error {
		if out.Answer() {
			return s.respond(ctx, out)
		}
		return s.send(ctx, out)
	}
}

// sender makes the spans of the messages of one session.
type sender struct {
	*instruments
	next mcpclient.OutgoingFunc

	once   sync.Once
	server []attribute.KeyValue // made once
}

// send sends a request or a notification.
func (s *sender) send(ctx context.Context, out *mcpclient.Outgoing) error {
	start := time.Now()
	attrs := s.describe(out)
	ctx, span := s.tracer.Start(ctx, spanName(out), asClient, trace.WithAttributes(attrs...))
	how := ending{errorType: otherError} // unless next returns: it may panic
	defer func() { s.finish(ctx, span, out, attrs, how, time.Since(start)) }()
	s.propagator.Inject(ctx, messageCarrier{out})
	passed := ctx
	if out.Stream() {
		passed = context.WithValue(ctx, standing{}, true)
	}
	err := s.next(passed, out)
	how = endOf(out, err)
	return err
}

// finish ends the span of a message and records its duration.
func (s *sender) finish(ctx context.Context, span trace.Span, out *mcpclient.Outgoing, attrs []attribute.KeyValue, how ending, took time.Duration) {
	known := len(attrs)
	if v := version(out); v != "" {
		attrs = append(attrs, keyVersion.String(v))
	}
	if how.code != "" {
		attrs = append(attrs, keyCode.String(how.code))
	}
	if how.errorType != "" {
		attrs = append(attrs, keyErrorType.String(how.errorType))
	}
	if span.IsRecording() {
		span.SetAttributes(attrs[known:]...)
		if id := out.ID(); id != 0 && !out.Notification() {
			span.SetAttributes(keyRequestID.String(strconv.FormatInt(id, 10)))
		}
		if uri := resource(out); uri != "" {
			span.SetAttributes(keyResource.String(uri))
		}
		if how.errorType != "" {
			fail(span, how.errorType)
			span.SetAttributes(keyOutcome.String(out.Outcome().String()))
		}
	}
	span.End()
	if s.operation.Enabled(ctx) {
		s.operation.Record(ctx, took.Seconds(), metric.WithAttributes(attrs...))
	}
}

// respond sends the response to a server request. The conventions have no span for responses.
func (s *sender) respond(ctx context.Context, out *mcpclient.Outgoing) error {
	ctx, span := s.tracer.Start(ctx, spanResponse, asInternal, trace.WithAttributes(keyMethod.String(out.Method())))
	errorType := otherError
	defer func() {
		if errorType != "" {
			fail(span, errorType)
		}
		span.End()
	}()
	s.propagator.Inject(ctx, messageCarrier{out})
	err := s.next(ctx, out)
	errorType = endOf(out, err).errorType
	return err
}

// standing is the key of a value in the context of a stream that stays open.
type standing struct{}

// maxAttributes is how many attributes the span of a message has.
const maxAttributes = 12

// describe returns the attributes that are known before a message is sent.
func (s *sender) describe(out *mcpclient.Outgoing) []attribute.KeyValue {
	s.once.Do(func() {
		s.server = append(endpointAttributes(out.Endpoint()), keyTransport.String("tcp"), keyProtocol.String("http"))
	})
	attrs := append(make([]attribute.KeyValue, 0, maxAttributes), keyMethod.String(out.Method()))
	attrs = append(attrs, s.server...)
	switch out.Method() {
	case "tools/call":
		attrs = append(attrs, keyTool.String(out.Name()), keyOperation.String("execute_tool"))
	case "prompts/get":
		attrs = append(attrs, keyPrompt.String(out.Name()))
	}
	return attrs
}

func spanName(out *mcpclient.Outgoing) string {
	switch method := out.Method(); method {
	case "tools/call", "prompts/get":
		return method + " " + out.Name()
	default:
		return method
	}
}

// resource returns the URI of the resource that a message is about, or "" for other messages.
func resource(out *mcpclient.Outgoing) string {
	if !strings.HasPrefix(out.Method(), "resources/") {
		return ""
	}
	if uri := out.Name(); uri != "" {
		return shown(uri)
	}
	var params struct {
		URI string `json:"uri"`
	}
	_ = json.Unmarshal(out.Params(), &params) // lists have none
	return shown(params.URI)
}

// version returns the revision of a message, "" if none was negotiated. The response to initialize
// names it.
func version(out *mcpclient.Outgoing) string {
	if out.Method() != "initialize" {
		return out.ProtocolVersion()
	}
	raw, ok := out.Result().(*json.RawMessage)
	if !ok {
		return ""
	}
	var result struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	if json.Unmarshal(*raw, &result) != nil || len(result.ProtocolVersion) != len("2025-11-25") {
		return ""
	}
	return result.ProtocolVersion
}

// messageCarrier writes the context into a message.
type messageCarrier struct{ out *mcpclient.Outgoing }

// Get implements propagation.TextMapCarrier.
func (c messageCarrier) Get(string) string { return "" }

// Keys implements propagation.TextMapCarrier.
func (c messageCarrier) Keys() []string { return nil }

// Set implements propagation.TextMapCarrier. A key or value that a message cannot have is left out:
// tracing must not fail a call.
func (c messageCarrier) Set(key, value string) {
	if !c.out.Answer() && c.out.Meta(key) == nil {
		_ = c.out.SetMeta(key, value)
	}
	_ = c.out.SetHeader(headerName(key), value)
}

// headerName returns the name of the header for a key, in the form in which net/http keeps it.
// Converting a name that net/http does not know allocates.
func headerName(key string) string {
	switch key {
	case "traceparent":
		return "Traceparent"
	case "tracestate":
		return "Tracestate"
	case "baggage":
		return "Baggage"
	}
	return key
}
