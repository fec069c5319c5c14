package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// meetForgetfulServer is about the trouble of the legacy era: the server keeps
// a session for its client in memory, and forgets it when it is replaced.
func (q *quickstart) meetForgetfulServer(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen, server.WithStateful(true),
		server.WithStreamableHTTPProtocolVersions(mcp.LegacyProtocolVersions()...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	q.sayf("\n2. A server of the legacy era: it keeps a session, and will lose it.")
	q.sayf("   The server listens at %s", house.url)

	restored := make(chan mcpclient.SessionRestored, 1)
	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{
		Transport: q.transport,
		Handlers: mcpclient.Handlers{
			// Handlers run beside your calls: hand over and return.
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
	q.sayf("   Now the server is replaced by a new one that knows no session. Calling the tool again:")
	if err := q.brew(ctx, s, 1); err != nil {
		return err
	}
	select {
	case r := <-restored:
		q.sayf("   The call succeeded. SessionRestored tells: the session was lost, a new one was begun (protocol %s).", r.ProtocolVersion)
	case <-ctx.Done():
		return errors.New("SessionRestored was not called")
	}
	if runs := house.runs.Load(); runs != 2 {
		return fmt.Errorf("two calls ran the tool %d times", runs)
	}
	q.sayf("   Two calls, and the tool ran two times: what the server refused had not run, so it was safe to send again.")
	return nil
}
