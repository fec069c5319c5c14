package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// surviveFailures connects to a legacy server and simulates failures. The server keeps each
// client's session in memory.
func (q *quickstart) surviveFailures(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{Transport: q.transport})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q.sayf("\n2. The same code with a server of the %s era, protocol %s, and three failures.", s.Era(), s.ProtocolVersion())

	for _, failure := range []func(context.Context, *mcpclient.Session, *teahouse) error{
		q.surviveCut, q.surviveReplacement, q.surviveCrash,
	} {
		before := house.runs.Load()
		if err := failure(ctx, s, house); err != nil {
			return err
		}
		if runs := house.runs.Load() - before; runs != 1 {
			return fmt.Errorf("the tool ran %d times in one call", runs)
		}
	}
	q.sayf("   The next call works, in a new session:")
	return q.brew(ctx, s, 1, nil)
}

// surviveCut breaks the connection while the tool runs.
func (q *quickstart) surviveCut(ctx context.Context, s *mcpclient.Session, house *teahouse) error {
	q.sayf("\n   The connection breaks in the middle of a call:")
	err := q.brew(ctx, s, 3, func() {
		q.sayf("     (every connection to the server is cut)")
		house.cut()
	})
	if err != nil {
		return err
	}
	q.sayf("   The tool ran once. The session reconnected and resumed the stream of the call.")
	return nil
}

// surviveReplacement replaces the server between two calls.
func (q *quickstart) surviveReplacement(ctx context.Context, s *mcpclient.Session, house *teahouse) error {
	q.sayf("\n   The server is redeployed and has lost the session:")
	house.replaceServer()
	if err := q.brew(ctx, s, 1, nil); err != nil {
		return err
	}
	q.sayf("   The tool ran once. The server refused the call at first; it was sent again in a new session.")
	return nil
}

// surviveCrash crashes the server while the tool runs. The client cannot know how much of the work
// the tool did.
func (q *quickstart) surviveCrash(ctx context.Context, s *mcpclient.Session, house *teahouse) error {
	q.sayf("\n   The server crashes in the middle of a call:")
	err := q.brew(ctx, s, 3, func() {
		q.sayf("     (the server crashes and is restarted)")
		house.crash()
	})
	if mcpclient.OutcomeOf(err) != mcpclient.Unknown {
		return fmt.Errorf("expected an unknown outcome, got %w", err)
	}
	q.sayf("   The call failed: %v. The tool ran once, and Hawser does not run it a second time.", mcpclient.KindOf(err))
	return nil
}
