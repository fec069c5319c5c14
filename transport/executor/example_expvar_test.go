package executor_test

import (
	"context"
	"expvar"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/hawser-mcp/hawser/transport/executor"
)

// Metrics without another library: expvar publishes the numbers of a Transport and counts its
// events. A program that serves HTTP shows them under /debug/vars.
func ExampleTransport_Stats_expvar() {
	ctx := context.Background()
	address, server, stop := startElsewhere()
	defer stop()

	events := new(expvar.Map) // expvar.NewMap("executor_events") in a program
	elsewhere, err := executor.Dial(ctx, address, &executor.Options{
		Observer: func(_ context.Context, e executor.Event) { events.Add(eventName(e), 1) },
	})
	if err != nil {
		log.Panic(err)
	}
	defer elsewhere.Close()
	stats := expvar.Func(func() any { return elsewhere.Stats() }) // for expvar.Publish in a program

	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server, http.NoBody)
	if err != nil {
		log.Panic(err)
	}
	resp, err := elsewhere.RoundTrip(req)
	if err != nil {
		log.Panic(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	now, ok := stats.Value().(executor.Stats)
	if !ok {
		log.Panic("not the numbers of a Transport")
	}
	fmt.Println("exchanges so far:", now.ExchangesTotal)
	fmt.Println("links lost:", now.LinksLost)
	fmt.Println(events)
	// Output:
	// exchanges so far: 1
	// links lost: 0
	// {"LinkDialed": 1}
}

// eventName returns the name of an event's type.
func eventName(e executor.Event) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "executor.")
}
