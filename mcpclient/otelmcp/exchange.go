package otelmcp

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hawser-mcp/hawser/transport"
)

// exchanges is a RoundTripper that makes a span of each HTTP exchange, over whatever network rt is:
// an executor, for example. The span is a child of that of the message, and its context replaces
// that of the message in the headers. It ends with the body of the response; for a stream that stays
// open, with the header.
type exchanges struct {
	*instruments
	rt http.RoundTripper
}

// RunsOnce implements the method that [transport.RunsOnce] calls.
func (t *exchanges) RunsOnce() bool { return transport.RunsOnce(t.rt) }

// RequestSecrets returns the secrets that rt added to requests, such as tokens. The session masks
// them in texts of the server.
func (t *exchanges) RequestSecrets() []string {
	if holder, ok := t.rt.(interface{ RequestSecrets() []string }); ok {
		return holder.RequestSecrets()
	}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (t *exchanges) RoundTrip(req *http.Request) (*http.Response, error) {
	attrs := append(serverAttributes(req.URL), keyHTTPMethod.String(req.Method), keyURL.String(shownURL(req.URL)))
	ctx, span := t.tracer.Start(req.Context(), req.Method, asClient, trace.WithAttributes(attrs...))
	if !span.IsRecording() { // the headers have the context of the message
		span.End()
		return t.rt.RoundTrip(req)
	}
	sent := req.WithContext(ctx)
	sent.Header = req.Header.Clone()
	t.propagator.Inject(ctx, propagation.HeaderCarrier(sent.Header))
	resp, err := t.rt.RoundTrip(sent)
	if err != nil {
		endExchange(ctx, span, err)
		return nil, err
	}
	if resp.Request == sent { // not if a decorator below returned its own request, which has its secrets
		resp.Request = req
	}
	span.SetAttributes(keyHTTPStatus.Int(resp.StatusCode))
	if resp.ProtoMajor > 0 { // an executor does not report the version
		span.SetAttributes(keyProtocolVersion.String(protocolVersion(resp)))
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		fail(span, strconv.Itoa(resp.StatusCode)) // whether another status is a failure depends on the message
	}
	if ctx.Value(standing{}) != nil || req.Method == http.MethodGet {
		span.End()
		return resp, nil
	}
	resp.Body = &body{ReadCloser: resp.Body, ctx: ctx, span: span}
	return resp, nil
}

func protocolVersion(resp *http.Response) string {
	if resp.ProtoMajor >= 2 {
		return strconv.Itoa(resp.ProtoMajor)
	}
	return strconv.Itoa(resp.ProtoMajor) + "." + strconv.Itoa(resp.ProtoMinor)
}

// endExchange ends the span of an exchange that failed with err. It is no failure if the context
// ended the exchange: then the span of the message says why.
func endExchange(ctx context.Context, span trace.Span, err error) {
	if ctx.Err() == nil {
		fail(span, stage(err))
	}
	span.End()
}

// body ends the span of an exchange when the response is closed, or fails. Ending a span again does
// nothing, so Read and Close may run at the same time.
type body struct {
	io.ReadCloser
	ctx  context.Context
	span trace.Span
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		endExchange(b.ctx, b.span, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.span.End()
	return b.ReadCloser.Close()
}
