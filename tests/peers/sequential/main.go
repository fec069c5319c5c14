// Command sequential makes calls one after the other through an executor with the default options.
// It prints how long Dial and the calls took, in milliseconds. BenchmarkSequential runs it.
//
//	sequential EXECUTOR-URL SERVER-URL NUMBER
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/transport/executor"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: sequential EXECUTOR-URL SERVER-URL NUMBER")
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	began := time.Now()
	rt, err := executor.Dial(context.Background(), args[0], nil)
	if err != nil {
		return err
	}
	defer rt.Close()
	dialed := time.Now()
	for range n {
		if err := call(rt, args[1]); err != nil {
			return err
		}
	}
	fmt.Println(milliseconds(dialed.Sub(began)), milliseconds(time.Since(dialed)))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

func call(rt http.RoundTripper, url string) error {
	body := strings.NewReader(ping)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, body) //nolint:gosec // the benchmark's URL
	if err != nil {
		return err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return errors.Join(err, resp.Body.Close())
}
