package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/internal/wire"
)

// Claim is a type of result that an extension adds to a method (2026-07-28, "ResultType"). Results
// of legacy servers have no type.
type Claim struct {
	// Method is the method of the request: tools/call, prompts/get, resources/read, or a method of
	// an extension.
	Method string
	// ResultType is the resultType of the result, such as "task".
	ResultType string
	// Resolve turns the result into the JSON of a complete result of the method. It may send
	// requests and take as long as it needs. It runs once for the call, on the call's goroutine.
	// Its context is that of the call; it also ends at the call's total timeout and with the
	// session. [Session.Request] returns the result as received instead, and so does a call with
	// [WithoutResolving]. If Resolve is nil, the result is refused in all other calls.
	//
	// An error fails the call. If it is an [*Error], it sets the kind of the call's error. The
	// outcome is Unknown, because the server accepted the call, unless it is an *Error with the
	// outcome Answered.
	Resolve func(ctx context.Context, s *Session, r ClaimedResult) (json.RawMessage, error)
}

// ClaimedResult is a result whose type an extension claims.
type ClaimedResult struct {
	// Method is the method of the call.
	Method string
	// Name is the tool, prompt or URI that the call named.
	Name string
	// Raw is the whole result as received.
	Raw json.RawMessage
	// Options repeat the headers of the call ([WithHeader]) in requests that belong to the call.
	Options []CallOption
}

// WithoutResolving makes the call return a result whose type an extension claims as it was
// received, instead of resolving it; see [Claim]. The result then has a ResultType other than
// "complete", the fields Raw and ResultType are set, and the other fields mean nothing.
func WithoutResolving() CallOption {
	return func(c *call) { c.unresolved = true }
}

// claimed returns the claim for the call's result, nil if it has a type of the protocol itself or
// one that no extension claims.
func (c *call) claimed() *Claim {
	kind := c.result.Common().Kind
	if kind.IsComplete() || kind == mcp.ResultTypeInputRequired || !c.state.modern() {
		return nil
	}
	for i := range c.s.opts.Extensions {
		e := &c.s.opts.Extensions[i]
		for j := range e.Claims {
			claim := &e.Claims[j]
			if claim.Method == c.msg.method && claim.ResultType == string(kind) && c.s.uses(e, c.state) {
				return claim
			}
		}
	}
	return nil
}

// returnsClaimed reports whether the call returns the result as received, whatever its type is.
func (c *call) returnsClaimed() bool {
	_, raw := c.result.(*wire.RawResult)
	return raw || c.unresolved
}

// takeType reports whether the last answer requires input instead of being the result. A result of
// a type that the client did not declare is an error.
func (c *call) takeType() (inputRequired bool, err error) {
	inputRequired, err = requiresInput(c.result)
	if err == nil {
		return inputRequired, nil
	}
	switch claim := c.claimed(); {
	case claim == nil:
		return false, err
	case claim.Resolve == nil && !c.returnsClaimed():
		return false, fmt.Errorf("%w: the extension does not resolve it; use WithoutResolving", err)
	}
	return false, nil
}

// resolve replaces a result whose type an extension claims by the complete result that the
// extension makes of it. It does nothing for all other results.
func (c *call) resolve() error {
	claim := c.claimed()
	if claim == nil || c.returnsClaimed() {
		return nil
	}
	c.past = verdict.Unknown // the server has accepted the call and may still be working on it
	bounded, stop := c.bounded()
	defer stop()
	ctx, cancel := context.WithCancelCause(bounded)
	defer cancel(nil)
	defer context.AfterFunc(c.s.root, func() { cancel(ErrClosed) })()
	result, err := claim.Resolve(ctx, c.s, ClaimedResult{
		Method: c.msg.method, Name: c.msg.name, Raw: c.rawResult(), Options: c.repeatedHeader(),
	})
	if err == nil {
		if err = c.readResolved(result); err == nil {
			return nil
		}
	}
	return c.failedResolve(bounded, claim, err)
}

// rawResult returns the result as received. A decoder keeps it if the protocol itself does not
// define the type of the result.
func (c *call) rawResult() json.RawMessage {
	switch d := c.result.(type) {
	case *wire.CallTool:
		return *d.Raw
	case *wire.GetPrompt:
		return *d.Raw
	case *wire.ReadResource:
		return *d.Raw
	}
	return nil // claims of other methods are refused; see claimable
}

// repeatedHeader returns the options that repeat the headers of the call.
func (c *call) repeatedHeader() []CallOption {
	if len(c.header) == 0 {
		return nil
	}
	header := c.header.Clone()
	return []CallOption{func(next *call) {
		if next.header == nil {
			next.header = make(http.Header)
		}
		for name, values := range header {
			next.header[name] = append(next.header[name], values...)
		}
	}}
}

var errIncomplete = errors.New(`the resolved result must be complete`)

// readResolved decodes the result that an extension made.
func (c *call) readResolved(result json.RawMessage) error {
	if err := c.decode(&c.cursor, result, c.result); err != nil {
		return err
	}
	c.cursor.End()
	if err := c.cursor.Err(); err != nil {
		return err
	}
	if !c.result.Common().Kind.IsComplete() {
		return errIncomplete
	}
	return nil
}

// failedResolve returns the error for a call whose result was not resolved because of err.
func (c *call) failedResolve(ctx context.Context, claim *Claim, err error) error {
	err = answered(fmt.Sprintf("resolve the result of type %q", claim.ResultType), err)
	if ended := c.interrupted(ctx, err); ended != nil {
		return ended
	}
	var own *Error
	if !errors.As(err, &own) {
		return c.failure(KindProtocol, err)
	}
	if own.Outcome == Answered {
		c.past = verdict.Answered
	}
	kind := own.Kind
	switch { // the call was sent, even if the last request of the extension was not
	case kind == KindInvalid:
		kind = KindProtocol
	case kind == KindNotSent && c.repeatable:
		kind = KindUnanswered
	case kind == KindNotSent:
		kind = KindOutcomeUnknown
	}
	return c.failure(kind, err)
}
