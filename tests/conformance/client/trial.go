package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// errIncomplete means that the server does not offer what the scenario needs. Such a run proves
// nothing.
var errIncomplete = errors.New("the server does not offer what the scenario needs")

// trial is one run of a scenario.
type trial struct {
	session *mcpclient.Session        // connected
	input   []byte                    // the suite's input for the scenario
	tools   map[string]mcpclient.Tool // by name, after list
	// forms counts the forms that handlers received and that prove something. The handlers change
	// no other field, because they may run at any time.
	forms atomic.Int64
}

// list reads the list of tools.
func (t *trial) list(ctx context.Context) error {
	t.tools = make(map[string]mcpclient.Tool)
	for tool, err := range t.session.Tools(ctx) {
		if err != nil {
			return err
		}
		t.tools[tool.Name] = tool
	}
	return nil
}

// has fails if a tool is not in the list.
func (t *trial) has(name string) error {
	if _, ok := t.tools[name]; !ok {
		return fmt.Errorf("%w: no tool %q", errIncomplete, name)
	}
	return nil
}

// call runs a tool that must be in the list and must succeed.
func (t *trial) call(ctx context.Context, name string, args any) error {
	if err := t.has(name); err != nil {
		return err
	}
	return succeed(ctx, t.session, name, args)
}

// succeed runs a tool that must succeed.
func succeed(ctx context.Context, s *mcpclient.Session, name string, args any) error {
	result, err := s.CallTool(ctx, name, args)
	if err != nil {
		return err
	}
	if result.IsError {
		return fmt.Errorf("tool %q failed: %v", name, result.Content)
	}
	return nil
}
