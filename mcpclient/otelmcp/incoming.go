package otelmcp

import (
	"context"
	"encoding/json"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// incoming wraps the requests of a server. They continue the trace in their _meta, if there is one,
// and are linked with the call that they belong to.
func (i *instruments) incoming(next mcpclient.IncomingFunc) mcpclient.IncomingFunc {
	return func(ctx context.Context, in *mcpclient.Incoming) (json.RawMessage, error) {
		if in.Notification() {
			return next(ctx, in)
		}
		options := []trace.SpanStartOption{asServer, trace.WithAttributes(
			keyMethod.String(in.Method()), keyTransport.String("tcp"), keyProtocol.String("http"))}
		if carrier := i.carried(in.Params()); len(carrier) > 0 {
			options = append(options, trace.WithLinks(trace.LinkFromContext(ctx)))
			ctx = i.propagator.Extract(ctx, carrier)
		}
		ctx, span := i.tracer.Start(ctx, in.Method(), options...)
		errorType := otherError // unless next returns: it may panic
		defer func() {
			if errorType != "" {
				fail(span, errorType)
			}
			span.End()
		}()
		answer, err := next(ctx, in)
		errorType = handlerError(err)
		return answer, err
	}
}

// carried returns the members of _meta that the propagator reads.
func (i *instruments) carried(params json.RawMessage) propagation.MapCarrier {
	var request struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	_ = json.Unmarshal(params, &request) // no context then
	carrier := propagation.MapCarrier{}
	for _, key := range i.propagator.Fields() {
		var value string
		if json.Unmarshal(request.Meta[key], &value) == nil {
			carrier[key] = value
		}
	}
	return carrier
}
