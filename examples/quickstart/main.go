// Command quickstart shows in two seconds what a session does for you. It needs only the loopback
// network, because its MCP servers run in the same process.
//
//	go run ./examples/quickstart
//
// First it connects to a server of the modern era, lists its tools and calls one that reports
// progress. Then it connects to a legacy server, and breaks the connection, redeploys the server
// and lets it crash, each time with a call in progress or about to start. Last, it reaches a server
// through an executor. It exits with 0 only if everything happened as shown.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, network{listen: listenOnLoopback, remote: remoteOnLoopback})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// network connects the client to the server. The program uses loopback, and the test uses memory.
type network struct {
	listen    func(ctx context.Context) (net.Listener, error)
	transport http.RoundTripper // the client's; with nil, each session creates its own
	// remote returns a transport through an executor, and a function that closes both.
	remote func(ctx context.Context) (transport.Transport, func() error, error)
}

func listenOnLoopback(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0") // a free port
}

// quickstart runs the demonstration and prints it to out.
type quickstart struct {
	network
	out io.Writer
}

func run(ctx context.Context, out io.Writer, n network) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	q := &quickstart{network: n, out: out}
	if err := q.meetModernServer(ctx); err != nil {
		return fmt.Errorf("modern server: %w", err)
	}
	if err := q.surviveFailures(ctx); err != nil {
		return fmt.Errorf("legacy server: %w", err)
	}
	if err := q.meetServerElsewhere(ctx); err != nil {
		return fmt.Errorf("server through an executor: %w", err)
	}
	q.sayf("\nAll steps succeeded.")
	return nil
}

func (q *quickstart) sayf(format string, args ...any) {
	fmt.Fprintf(q.out, format+"\n", args...)
}
