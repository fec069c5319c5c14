// Command quickstart shows in half a second what a session does for you. It needs no network except
// loopback, because its MCP servers run in the same process.
//
//	go run ./examples/quickstart
//
// It connects to a modern server, lists the tools and calls one that reports progress. Then it
// connects to a legacy server that loses the session, and recovers without an error. Finally it
// connects to a server through an executor in another network. It exits with 0 only if all steps
// succeed.
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

// network connects client and server: loopback here, memory in the test.
type network struct {
	listen    func(ctx context.Context) (net.Listener, error)
	transport http.RoundTripper // the client's; with nil, each session creates its own
	// remote creates a transport through an executor, and a function that ends both.
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
	if err := q.meetForgetfulServer(ctx); err != nil {
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
