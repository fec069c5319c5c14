package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// meetForgetfulServer shows a problem of the legacy era: the server keeps a session for its client
// in memory and loses it when it is replaced.
func (q *quickstart) meetForgetfulServer(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen, server.WithStateful(true),
		server.WithStreamableHTTPProtocolVersions(mcp.LegacyProtocolVersions()...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	q.sayf("\n2. A server of the legacy era: it keeps a session and will lose it.")
	q.sayf("   The server listens at %s", house.url)

	restored := make(chan mcpclient.SessionRestored, 1)
	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{
		Transport: q.transport,
		Handlers: mcpclient.Handlers{
			// Handlers run concurrently with your calls, so pass the data on and return.
			SessionRestored: func(_ context.Context, _ *mcpclient.Session, r mcpclient.SessionRestored) { restored <- r },
		},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q.sayf("   Connected to %q: %s era, protocol %s. Nothing had to be configured for that.",
		s.ServerInfo().Name, s.Era(), s.ProtocolVersion())
	q.sayf("   Calling the tool:")
	if err := q.brew(ctx, s, 1); err != nil {
		return err
	}

	house.replaceServer()
	q.sayf("   Now a new server replaces it and does not know the session. Calling the tool again:")
	if err := q.brew(ctx, s, 1); err != nil {
		return err
	}
	select {
	case r := <-restored:
		q.sayf("   The call succeeded. SessionRestored reports a new session in place of the lost one (protocol %s).", r.ProtocolVersion)
	case <-ctx.Done():
		return errors.New("SessionRestored was not called")
	}
	if runs := house.runs.Load(); runs != 2 {
		return fmt.Errorf("expected two calls to run the tool twice, it ran %d times", runs)
	}
	q.sayf("   Two calls ran the tool twice: the server had refused the second call before running it, so the retry was safe.")
	return nil
}
