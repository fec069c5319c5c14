package group

import (
	"context"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// orPanic returns the error for a Caller that panicked with v, or err if v is nil. On a goroutine of
// the group, the panic would end the program.
func orPanic(v any, err error) error {
	if v == nil {
		return err
	}
	return fmt.Errorf("the Caller panicked: %v", v)
}

// ping asks for a sign of life.
func (c *conn) ping(ctx context.Context) (err error) {
	defer func() { err = orPanic(recover(), err) }()
	p, ok := c.caller.(interface {
		Ping(ctx context.Context, opts ...mcpclient.CallOption) error
	})
	if ok {
		return p.Ping(ctx, mcpclient.WithTries(1))
	}
	_, err = c.caller.ListTools(ctx, nil, mcpclient.WithTries(1))
	return err
}

// answered reports whether a ping that ended with err shows that the server is there.
func answered(err error) bool {
	switch mcpclient.KindOf(err) {
	case mcpclient.KindServer, mcpclient.KindAuthRequired, mcpclient.KindForbidden:
		return true
	default:
		return err == nil
	}
}

// list returns the tools of all pages.
func (c *conn) list(ctx context.Context) (tools []mcpclient.Tool, err error) {
	if c.session == nil {
		defer func() { err = orPanic(recover(), err) }()
		return listAll(ctx, c.caller)
	}
	tools, _, err = c.session.AllTools(ctx)
	if err != nil && c.session.Capabilities().Tools == nil && refusesLists(err) {
		return nil, nil // a server without tools
	}
	return tools, err
}

// refusesLists reports whether a list of tools failed because the server has no tools.
func refusesLists(err error) bool {
	var rpc *mcpclient.RPCError
	if errors.As(err, &rpc) {
		return rpc.Code == mcpclient.CodeMethodNotFound
	}
	return mcpclient.KindOf(err) == mcpclient.KindInvalid // with mcpclient.Options.Strict
}

// listAll is [mcpclient.Session.AllTools] for other callers.
func listAll(ctx context.Context, c Caller) ([]mcpclient.Tool, error) {
	var tools []mcpclient.Tool
	var cursor *string
	seen := make(map[string]bool)
	for range mcpclient.DefaultMaxPages {
		page, err := c.ListTools(ctx, cursor)
		switch {
		case err != nil:
			return nil, err
		case page == nil:
			return nil, errors.New("the Caller returned no page")
		}
		if tools = append(tools, page.Items...); len(tools) > mcpclient.DefaultMaxItems {
			return nil, &mcpclient.LimitError{What: "list items", Limit: mcpclient.DefaultMaxItems}
		}
		if cursor = page.NextCursor; cursor == nil {
			return tools, nil
		}
		if seen[*cursor] {
			return nil, errors.New("the list of tools repeats a cursor")
		}
		seen[*cursor] = true
	}
	return nil, &mcpclient.LimitError{What: "list pages", Limit: mcpclient.DefaultMaxPages}
}

// instructions returns the server's instructions for a model.
func (c *conn) instructions() string {
	if c.session == nil {
		return ""
	}
	return c.session.Instructions()
}
