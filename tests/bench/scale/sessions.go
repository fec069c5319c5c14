package main

import (
	"context"
	"errors"
	"sync"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// atOnce is how many sessions connect at the same time.
const atOnce = 64

// connectAll starts n sessions, in turn with each of the servers. Each of them has a shared stream.
func connectAll(ctx context.Context, addrs []string, n int, opts mcpclient.Options) ([]*mcpclient.Session, error) {
	opts.Handlers.ToolsChanged = func(context.Context, *mcpclient.Session) {}
	sessions, errs := make([]*mcpclient.Session, n), make([]error, n)
	each(n, func(i int) {
		sessions[i], errs[i] = mcpclient.Connect(ctx, "http://"+addrs[i%len(addrs)]+"/mcp", &opts)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, errors.Join(err, closeAll(sessions))
	}
	return sessions, nil
}

// each runs f for 0 to n-1, atOnce of them at the same time.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, atOnce) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

func closeAll(sessions []*mcpclient.Session) error {
	errs := make([]error, len(sessions))
	each(len(sessions), func(i int) {
		if s := sessions[i]; s != nil {
			errs[i] = s.Close()
		}
	})
	return errors.Join(errs...)
}
