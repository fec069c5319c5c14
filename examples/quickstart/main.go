// Command quickstart shows in half a second what a session does for you. It
// needs no network but loopback: the MCP servers it talks to run inside it.
//
//	go run ./examples/quickstart
//
// First it meets a server of the modern era, lists its tools and calls one that
// reports progress. Then it meets a legacy server that loses the session, and
// goes on as if nothing had happened. At last it meets a server through an executor, on another
// network. It exits with 0 only if all of it went so.
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

// network is where client and server meet: loopback here, memory in the test.
type network struct {
	listen    func(ctx context.Context) (net.Listener, error)
	transport http.RoundTripper // the client's; nil lets each session make its own
	// remote makes a transport through an executor, and what ends both.
	remote func(ctx context.Context) (transport.Transport, func() error, error)
}

func listenOnLoopback(ctx context.Context) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0") // a free port
}

// quickstart is the story, told to out.
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
		return fmt.Errorf("server elsewhere: %w", err)
	}
	q.sayf("\nEverything went as said.")
	return nil
}

func (q *quickstart) sayf(format string, args ...any) {
	fmt.Fprintf(q.out, format+"\n", args...)
}
