package main

import (
	"context"
	"errors"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// meetModernServer shows everyday use: connect, list the tools, call one.
func (q *quickstart) meetModernServer(ctx context.Context) (err error) {
	house, err := openTeahouse(ctx, q.listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, house.close()) }()
	q.sayf("1. A server of the modern era: every request is independent.")
	q.sayf("   The server listens at %s", house.url)

	s, err := mcpclient.Connect(ctx, house.url, &mcpclient.Options{Transport: q.transport})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	q.sayf("   Connected to %q: %s era, protocol %s.", s.ServerInfo().Name, s.Era(), s.ProtocolVersion())

	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
		q.sayf("   It has a tool %q: %s", tool.Name, tool.Description)
	}
	q.sayf("   Calling it for three cups, with progress:")
	return q.brew(ctx, s, 3)
}

// brew calls the tool and prints its progress and its result.
func (q *quickstart) brew(ctx context.Context, s *mcpclient.Session, cups int) error {
	reports := 0
	show := func(_ context.Context, p mcpclient.Progress) {
		reports++
		q.sayf("     cup %v of %v: %s", p.Progress, p.Total, p.Message)
	}
	result, err := s.CallTool(ctx, "brew", map[string]any{"cups": cups}, mcpclient.OnProgress(show))
	switch {
	case err != nil:
		return err // no result; mcpclient.OutcomeOf(err) reports whether the tool may have run
	case result.IsError:
		return errors.New("the tool failed: " + text(result))
	case reports == 0:
		return errors.New("no progress was reported")
	}
	q.sayf("   Result: %s", text(result))
	return nil
}

// text joins the texts of a result, which may also contain images and other content.
func text(result *mcpclient.CallToolResult) string {
	var words []string
	for _, content := range result.Content {
		if t, ok := content.(mcp.TextContent); ok {
			words = append(words, t.Text)
		}
	}
	return strings.Join(words, "\n")
}
