package mcpclient

import "context"

// relistTools lists all tools again to learn which arguments are mirrored into headers.
func (s *Session) relistTools(ctx context.Context) error {
	for _, err := range s.Tools(ctx, bySession) {
		if err != nil {
			return err
		}
	}
	return nil
}

// bySession is the option of calls that the session makes by itself.
func bySession(c *call) { c.origin = OriginSession }

// CallTool runs a tool. args is anything that encodes to a JSON object, such as a struct, a map or
// a json.RawMessage; nil means the empty object. CallTool does not change args.
//
// If a tool fails, its result has IsError set, and CallTool returns no error. An error means that
// there is no result, but the tool may still have run: see [OutcomeOf]. After a lost answer, the
// session never runs a tool a second time unless [WithIdempotent] or [Options].TrustToolHints
// allows it. A tool that runs only as a task is a [*TaskRequiredError]. With
// [Options].CheckOutput, a result that does not match the tool's output schema is an error as well.
func (s *Session) CallTool(ctx context.Context, name string, args any, opts ...CallOption) (*CallToolResult, error) {
	output, err := s.outputToCheck(ctx, name)
	if err != nil {
		return nil, err
	}
	result, c, err := s.callTool(ctx, name, args, opts)
	if err != nil {
		return nil, err
	}
	if err := c.checkOutput(result, output); err != nil {
		return nil, err
	}
	return result, nil
}

// callTool runs a tool. It returns the result, without validating its output, and the call.
func (s *Session) callTool(ctx context.Context, name string, args any, opts []CallOption) (*CallToolResult, *call, error) {
	result := new(CallToolResult)
	c := s.newCall(ctx, message{method: methodCallTool, name: name, hasName: true}, opts)
	var err error
	c.msg.params, c.args, err = toolParams(name, args)
	c.tool = *result.decoder(c.keepRaw)
	c.result, c.value = &c.tool, result
	c.repeatable = s.declaredHarmless(&c.callOptions, name)
	if result, err = finish(c, result, err); err != nil {
		return nil, nil, namingTask(name, err)
	}
	return result, c, nil
}

// finish runs a call and returns its result, unless its parameters cannot be encoded.
func finish[T any](c *call, result *T, err error) (*T, error) {
	if err != nil {
		c.fail(err)
	}
	if err := c.do(); err != nil {
		return nil, err
	}
	return result, nil
}

// declaredHarmless reports whether a tool may run twice: the caller passed WithIdempotent, or
// TrustToolHints is set and the tool's hints allow it.
func (s *Session) declaredHarmless(o *callOptions, tool string) bool {
	if o.idempotent || !s.opts.TrustToolHints {
		return o.idempotent
	}
	return s.tools.lookup(tool).hintsSafe
}
