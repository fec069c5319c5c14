// Package otelmcp makes OpenTelemetry spans and metrics of the sessions of package mcpclient.
//
//	var opts mcpclient.Options
//	if err := otelmcp.Instrument(&opts, otelmcp.Config{}); err != nil { … }
//	s, err := mcpclient.Connect(ctx, "https://mcp.example.com/mcp", &opts)
//
// # Spans
//
// Each request and notification is a CLIENT span, once for all its tries: a retry is an event of the
// span. Each server request is a SERVER span, which continues the trace in its _meta. A recovery is
// a span of its own, linked with the spans of the calls that waited for it. Each HTTP exchange is a
// child span, if Options.Transport is set. Names follow the OpenTelemetry semantic conventions for
// MCP (semantic-conventions-genai v0.1.0, status Development), and those for HTTP. Names that begin
// with "hawser." belong to this package.
//
// A span has the status Error only if something failed: not after a refusal that the session
// expected, such as that of server/discover by a legacy server, and not after Close ended a stream.
//
// # Context
//
// Each request and notification carries the context of its span in params._meta and in HTTP headers,
// as the propagator writes it. A _meta member that the caller has set stays. The response to a
// server request has the headers only. If HTTP exchanges have spans, the headers carry the context of
// the exchange.
//
// # Metrics
//
// Instrument records two histograms, in seconds: mcp.client.operation.duration and
// mcp.client.session.duration.
//
// # Privacy
//
// No span and no metric holds arguments, results, texts of errors, header values or session IDs.
// URIs have no query, fragment and userinfo.
package otelmcp

import (
	"context"
	"errors"
	"slices"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// scope is the name of the instrumentation.
const scope = "github.com/hawser-mcp/hawser/mcpclient/otelmcp"

// Config says where spans and metrics go and how the context travels. The zero value uses the global
// providers and propagator. The global propagator of OpenTelemetry propagates nothing until the
// program sets one.
type Config struct {
	// TracerProvider makes the spans. Nil means otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics. Nil means otel.GetMeterProvider().
	MeterProvider metric.MeterProvider
	// Propagator writes the context into messages and reads it from server requests. Nil means
	// otel.GetTextMapPropagator().
	Propagator propagation.TextMapPropagator
}

// Instrument adds spans, metrics and propagation to the options of sessions. Call it once, after
// everything else is set:
//
//   - It appends an interceptor, which therefore sees messages as the others left them.
//   - It adds an observer. The one that is set is called first.
//   - It wraps Options.Transport. If that is nil, HTTP exchanges have no spans.
//
// Sessions may share the options. An error means that the MeterProvider refused an instrument; the
// options are then unchanged.
func Instrument(opts *mcpclient.Options, c Config) error {
	i, err := newInstruments(c)
	if err != nil {
		return err
	}
	opts.Interceptors = append(slices.Clip(opts.Interceptors), mcpclient.Interceptor{
		Outgoing: i.outgoing, Incoming: i.incoming, Recovery: i.recovery,
	})
	observe := mcpclient.Observer(i.observe)
	if before := opts.Observer; before != nil {
		observe = func(ctx context.Context, e mcpclient.Event) {
			before(ctx, e)
			i.observe(ctx, e)
		}
	}
	opts.Observer = observe
	if opts.Transport != nil {
		opts.Transport = &exchanges{instruments: i, rt: opts.Transport}
	}
	return nil
}

// instruments are what spans and metrics are made with. They are shared by all sessions of the
// options.
type instruments struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	operation  metric.Float64Histogram // of requests and notifications
	session    metric.Float64Histogram
}

// buckets are the boundaries that the conventions name, in seconds.
var buckets = metric.WithExplicitBucketBoundaries(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)

func newInstruments(c Config) (*instruments, error) {
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	if c.Propagator == nil {
		c.Propagator = otel.GetTextMapPropagator()
	}
	meter := c.MeterProvider.Meter(scope)
	operation, err := meter.Float64Histogram(metricOperation, metric.WithUnit("s"), buckets,
		metric.WithDescription("Duration of a request or notification, from its sending to the response."))
	session, sessionErr := meter.Float64Histogram(metricSession, metric.WithUnit("s"), buckets,
		metric.WithDescription("Duration of a session, from Connect to the end of Close."))
	if err := errors.Join(err, sessionErr); err != nil {
		return nil, err
	}
	return &instruments{tracer: c.TracerProvider.Tracer(scope), propagator: c.Propagator, operation: operation, session: session}, nil
}
