package mcpclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A retry loop around a tool with side effects. It tries again only if the invoice cannot be paid
// twice.
func ExampleSafeToRepeat() {
	ctx := context.Background()
	endpoint, stop := startBank()
	defer stop()
	s, err := mcpclient.Connect(ctx, endpoint, nil)
	if err != nil {
		log.Panic(err)
	}
	defer s.Close()

	fmt.Println("result:", payOnce(ctx, s, 42))
	// Output:
	// before try 1: paid is false
	// try 1: outcome unknown
	// before try 2: paid is true
	// result: <nil>
}

// settle is the pause between tries. Use a pause longer than the tool can run, because after an
// unknown outcome it may still be running.
const settle = 10 * time.Millisecond

// payOnce pays an invoice. Before each try, it checks whether an earlier try has paid.
func payOnce(ctx context.Context, s *mcpclient.Session, invoice int) error {
	args := map[string]any{"invoice": invoice}
	var last error
	for try := 1; try <= 3; try++ {
		paid, err := isPaid(ctx, s, args)
		if err != nil {
			return errors.Join(last, err)
		}
		fmt.Printf("before try %d: paid is %v\n", try, paid)
		if paid {
			return nil
		}
		res, err := s.CallTool(ctx, "pay", args)
		switch {
		case err == nil && res.IsError:
			return errors.New(res.Text()) // the tool ran and reported a failure
		case err == nil:
			return nil
		case !mayPass(err):
			return err
		}
		fmt.Printf("try %d: %v\n", try, mcpclient.KindOf(err))
		last = err
		if err := wait(ctx, settle); err != nil {
			return errors.Join(last, err)
		}
	}
	return last
}

// isPaid only reads, so the session repeats it after a lost answer.
func isPaid(ctx context.Context, s *mcpclient.Session, args any) (bool, error) {
	res, err := s.CallTool(ctx, "invoice_status", args, mcpclient.WithIdempotent())
	if err != nil {
		return false, err
	}
	return res.Text() == "paid", nil
}

// mayPass reports whether another try may succeed. Many failures that are safe to repeat are not
// worth repeating, such as invalid arguments, a missing login or a closed session.
func mayPass(err error) bool {
	switch mcpclient.KindOf(err) {
	case mcpclient.KindNotSent, mcpclient.KindOutcomeUnknown, mcpclient.KindTimeout, mcpclient.KindSessionLost:
		return true
	case mcpclient.KindHTTP:
		var status *mcpclient.HTTPError
		return errors.As(err, &status) && (status.Status == 429 || status.Status >= 500)
	default:
		return false
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// startBank starts a server whose connection breaks right after the invoice was paid.
func startBank() (endpoint string, stop func()) {
	var paid atomic.Bool
	server := mcptest.New(mcptest.Modern)
	server.SSE = true
	server.Tools = []*mcptest.Tool{
		{Name: "pay", Run: func(ctx context.Context, c *mcptest.Call) (json.RawMessage, error) {
			paid.Store(true)
			return pay(ctx, c)
		}},
		{Name: "invoice_status", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			if paid.Load() {
				return mcptest.Text("paid"), nil
			}
			return mcptest.Text("open"), nil
		}},
	}
	listener := httptest.NewServer(server)
	return listener.URL + "/mcp", func() {
		listener.Close()
		server.Close()
	}
}
