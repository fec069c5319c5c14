package otelmcp_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/otelmcp"
	"github.com/hawser-mcp/hawser/transport"
)

// A program sets up OpenTelemetry as usual, and instruments the options of its sessions.
func Example() {
	ctx := context.Background()
	spans := tracetest.NewInMemoryExporter() // otlptracehttp.New in production
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)))
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	url, stop := startServer()
	defer stop()
	network := transport.NewDirect(nil)
	defer network.Close()

	opts := mcpclient.Options{Transport: network}
	if err := otelmcp.Instrument(&opts, otelmcp.Config{}); err != nil {
		log.Panic(err)
	}
	s, err := mcpclient.Connect(ctx, url, &opts)
	if err != nil {
		log.Panic(err)
	}
	if _, err := s.CallTool(ctx, "brew", nil); err != nil {
		log.Panic(err)
	}
	if err := s.Close(); err != nil {
		log.Panic(err)
	}
	for _, span := range spans.GetSpans().Snapshots() {
		fmt.Println(span.SpanKind(), span.Name())
	}
	// Output:
	// client POST
	// client server/discover
	// client POST
	// client tools/call brew
}

// startServer starts a server with a tool.
func startServer() (url string, stop func()) {
	s := server.NewMCPServer("teahouse", "1")
	s.AddTool(mcp.NewTool("brew"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText("tea"), nil
	})
	listening := httptest.NewServer(server.NewStreamableHTTPServer(s))
	return listening.URL, listening.Close
}
