package main

import (
	"context"
	"errors"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// meetModernServer shows everyday use: connect, list the tools, call one.
func (q *quickstart) meetModernServer(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{Transport: q.transport})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q.sayf("1. A server of the %s era, protocol %s.", s.Era(), s.ProtocolVersion())

	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
		q.sayf("   Tool %q: %s", tool.Name, tool.Description)
	}
	return q.brew(ctx, s, 3, nil)
}

// brew calls the tool and prints its progress and its result. If meanwhile is not nil, brew calls
// it after the first cup.
func (q *quickstart) brew(ctx context.Context, s *mcpclient.Session, cups int, meanwhile func()) error {
	reports := 0
	show := func(_ context.Context, p mcpclient.Progress) {
		q.sayf("     cup %v of %v: %s", p.Progress, p.Total, p.Message)
		if reports++; reports == 1 && meanwhile != nil {
			meanwhile()
		}
	}
	result, err := s.CallTool(ctx, "brew", map[string]any{"cups": cups}, mcpclient.OnProgress(show))
	switch {
	case err != nil:
		return err // there is no result; mcpclient.OutcomeOf(err) says whether the tool may have run
	case result.IsError:
		return errors.New("the tool failed: " + result.Text())
	case reports == 0:
		return errors.New("no progress was reported")
	}
	q.sayf("   Result: %s", result.Text())
	return nil
}
