package main

import (
	"context"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// everyHandler declares all capabilities of a client. The suite sends no server requests in this
// scenario, so the handlers refuse all requests.
func everyHandler(*trial) mcpclient.Handlers {
	sample := func(context.Context, *mcpclient.Session, *mcpclient.SampleRequest) (*mcp.CreateMessageResult, error) {
		return nil, mcpclient.ErrRejected
	}
	return mcpclient.Handlers{
		ElicitForm: func(context.Context, *mcpclient.Session, *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.DeclineElicitation(), nil
		},
		ElicitURL: func(context.Context, *mcpclient.Session, *mcpclient.URLRequest) (*mcp.ElicitationResult, error) {
			return mcpclient.DeclineElicitation(), nil
		},
		Sample:          sample,
		SampleWithTools: sample,
		Roots:           func(context.Context, *mcpclient.Session) ([]mcp.Root, error) { return nil, nil },
	}
}

// callAsking runs a tool that must succeed and must elicit exactly one form.
func (t *trial) callAsking(ctx context.Context, name string) error {
	before := t.forms.Load()
	if err := t.call(ctx, name, nil); err != nil {
		return err
	}
	if asked := t.forms.Load() - before; asked != 1 {
		return fmt.Errorf("%w: tool %q elicited %d forms, expected 1", errIncomplete, name, asked)
	}
	return nil
}

// defaultsHandler accepts every form unchanged. It counts only forms with default values, because
// other forms prove nothing.
func defaultsHandler(t *trial) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(_ context.Context, _ *mcpclient.Session, r *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			if len(r.Form.Defaults()) > 0 {
				t.forms.Add(1)
			}
			return mcpclient.AcceptElicitation(nil), nil
		},
	}
}

// clientDefaults accepts a form unchanged. The server checks that it receives the form's default
// values.
func clientDefaults(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	return t.callAsking(ctx, "test_client_elicitation_defaults")
}

// The names of the tools that requestState calls.
const (
	toolEchoState    = "test_mrtr_echo_state"
	toolNoState      = "test_mrtr_no_state"
	toolUnrelated    = "test_mrtr_unrelated"
	toolNoResultType = "test_mrtr_no_result_type"
)

// requestStateForms is the total number of forms that the tools of requestState elicit.
const requestStateForms = 2

// requestStateHandler calls another tool before it answers a form. The first call is then still
// waiting for its input, and the second call must not carry that input.
func requestStateHandler(t *trial) mcpclient.Handlers {
	return mcpclient.Handlers{
		ElicitForm: func(ctx context.Context, s *mcpclient.Session, _ *mcpclient.FormRequest) (*mcp.ElicitationResult, error) {
			if t.forms.Add(1) > requestStateForms {
				return nil, fmt.Errorf("%w: got more than %d forms", errIncomplete, requestStateForms)
			}
			if err := succeed(ctx, s, toolUnrelated, nil); err != nil {
				return nil, err
			}
			return mcpclient.AcceptElicitation(map[string]any{"confirmed": true}), nil
		},
	}
}

// requestState calls tools that require input once each, and tools that require none.
func requestState(ctx context.Context, t *trial) error {
	if err := t.list(ctx); err != nil {
		return err
	}
	if err := t.has(toolUnrelated); err != nil {
		return err
	}
	for _, name := range []string{toolEchoState, toolNoState} {
		if err := t.callAsking(ctx, name); err != nil {
			return err
		}
	}
	return t.call(ctx, toolNoResultType, nil)
}
