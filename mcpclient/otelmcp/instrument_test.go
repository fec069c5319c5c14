package otelmcp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
)

// What the options hold already stays in force: the observer is called, and interceptors are outside
// of that of the instrumentation.
func TestInstrumentKeepsWhatIsSet(t *testing.T) {
	in(t, mcptest.Modern, ways[0], func(w *world) {
		var events []mcpclient.Event
		shared := make([]mcpclient.Interceptor, 1, 2)
		shared[0].Outgoing = func(next mcpclient.OutgoingFunc) mcpclient.OutgoingFunc {
			return func(ctx context.Context, out *mcpclient.Outgoing) error {
				err := next(ctx, out)
				require.ErrorIs(w, out.SetMeta("traceparent", "x"), mcpclient.ErrSent)
				return err
			}
		}
		s, err := w.tryConnect(w.Context(), mcpclient.Options{
			Interceptors: shared, Observer: func(_ context.Context, e mcpclient.Event) { events = append(events, e) },
		})
		require.NoError(w, err)
		require.Nil(w, shared[:2][1].Outgoing, "the slice of the caller was changed")
		_, err = s.CallTool(w.Context(), "echo", nil)
		require.NoError(w, err)
		require.NoError(w, s.Close())
		require.IsType(w, mcpclient.Closed{}, events[len(events)-1])
		require.NotEmpty(w, w.srv.Requests("tools/call")[0].Meta("traceparent"))
	})
}

// Sessions may share options. Each has its own server in its spans.
func TestSessionsShareOptions(t *testing.T) {
	in(t, mcptest.Modern, ways[0], func(w *world) {
		opts := mcpclient.Options{Transport: w.rt}
		require.NoError(w, otelmcp.Instrument(&opts, w.config))
		for _, host := range []string{"127.0.0.1:80", "127.0.0.1"} {
			s, err := mcpclient.Connect(w.Context(), "http://"+host+"/mcp", &opts)
			require.NoError(w, err)
			require.NoError(w, s.Close())
		}
		for _, span := range w.spans() {
			require.Equal(w, "80", attribute(span.GetAttributes(), "server.port"))
		}
	})
}

var errMeter = errors.New("no such instrument")

// refusing is a MeterProvider that makes no histograms.
type refusing struct{ noopmetric.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

type refusingMeter struct{ noopmetric.Meter }

func (refusingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errMeter
}

// If an instrument cannot be made, the options stay as they are.
func TestInstrumentFails(t *testing.T) {
	rt := new(http.Transport)
	opts := mcpclient.Options{Transport: rt}
	require.ErrorIs(t, otelmcp.Instrument(&opts, otelmcp.Config{MeterProvider: refusing{}}), errMeter)
	require.Same(t, rt, opts.Transport)
	require.Empty(t, opts.Interceptors)
	require.Nil(t, opts.Observer)
}

// The zero Config uses the global providers and propagator.
func TestTheZeroConfig(t *testing.T) {
	in(t, mcptest.Legacy, ways[0], func(w *world) {
		otel.SetTracerProvider(w.traces)
		otel.SetMeterProvider(w.meters)
		otel.SetTextMapPropagator(w.config.Propagator)
		defer func() {
			otel.SetTracerProvider(noop.NewTracerProvider())
			otel.SetMeterProvider(noopmetric.NewMeterProvider())
			otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
		}()
		w.config = otelmcp.Config{}
		s := w.connect(w.Context(), mcpclient.Options{})
		_, err := s.CallTool(w.Context(), "echo", nil)
		require.NoError(w, err)
		require.NotEmpty(w, w.srv.Requests("tools/call")[0].Header.Get("Traceparent"))
		require.NotNil(w, w.only("tools/call echo"))
		require.Contains(w, w.points("mcp.client.operation.duration"), "tools/call")
	})
}
