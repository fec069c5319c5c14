package main

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
	"github.com/hawser-mcp/hawser/transport/executor/agent"
)

// remoteOnLoopback starts an executor, as a remote sandbox would. It returns a transport through
// the executor, and a function that closes both.
func remoteOnLoopback(ctx context.Context) (transport.Transport, func() error, error) {
	far, err := agent.Listen(ctx, "ws://127.0.0.1:0", nil)
	if err != nil {
		return nil, nil, err
	}
	near, err := executor.Dial(ctx, far.URL(), nil)
	if err != nil {
		return nil, nil, errors.Join(err, far.Close())
	}
	return near, func() error { return errors.Join(near.Close(), far.Close()) }, nil
}

// meetServerElsewhere connects to a server through an executor. Apart from the transport, the code
// is the same as for a direct connection.
func (q *quickstart) meetServerElsewhere(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	through, closeRemote, err := q.remote(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeRemote()) }()

	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{Transport: through})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q.sayf("\n3. The same code through an executor, which makes the requests in another network.")
	return q.brew(ctx, s, 2, nil)
}
