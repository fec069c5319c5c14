// Command serve runs the server of one quirk of tests/field on loopback, to try a client by hand:
//
//	go run ./tests/field/serve S1
//	go run ./tests/field/serve -era modern -variant 1 -port 8000 F62
//
// Without an ID it lists the quirks.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"time"

	"github.com/hawser-mcp/hawser/tests/field"
)

func main() {
	era := flag.String("era", "", "`legacy` or modern; by default the first era of the quirk")
	variant := flag.Int("variant", 0, "the `number` of the variant, from 0")
	port := flag.Int("port", 0, "the `port`; 0 means any free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, flag.Arg(0), *era, *variant, *port)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

// run serves the quirk until ctx ends.
func run(ctx context.Context, id, era string, variant, port int) error {
	corpus := field.Corpus()
	if id == "" {
		for _, q := range corpus {
			fmt.Printf("%-6s %s\n", q.ID, q.Sends)
		}
		return nil
	}
	n := slices.IndexFunc(corpus, func(q field.Quirk) bool { return q.ID == id })
	if n < 0 {
		return fmt.Errorf("there is no quirk %q", id)
	}
	q := &corpus[n]
	if variant < 0 || variant >= len(q.Scripts) {
		return fmt.Errorf("the quirk %s has %d variants", id, len(q.Scripts))
	}
	chosen := q.Each()[0]
	if era != "" {
		eras := q.Each()
		m := slices.IndexFunc(eras, func(e field.Era) bool { return e.String() == era })
		if m < 0 {
			return fmt.Errorf("the quirk %s is not played in the era %q", id, era)
		}
		chosen = eras[m]
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	base := "http://" + ln.Addr().String()
	fmt.Printf("%s: %s\n%s/mcp (%v)\n", id, q.Sends, base, chosen)
	server := &http.Server{Handler: field.NewServer(q, variant, chosen, base), ReadHeaderTimeout: time.Minute}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })() // the process ends
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
