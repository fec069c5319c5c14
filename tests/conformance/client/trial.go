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
	// forms counts the forms that handlers received and that count as evidence. Handlers may run at
	// any time, so they change no other field.
	forms atomic.Int64
}

// list reads the list of tools into t.tools.
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

// has returns an error if the tool is not in the list.
func (t *trial) has(name string) error {
	if _, ok := t.tools[name]; !ok {
		return fmt.Errorf("%w: no tool %q", errIncomplete, name)
	}
	return nil
}

// call runs a tool. It returns an error if the tool is not in the list or fails.
func (t *trial) call(ctx context.Context, name string, args any) error {
	if err := t.has(name); err != nil {
		return err
	}
	return succeed(ctx, t.session, name, args)
}

// succeed runs a tool and returns an error if the tool fails.
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
