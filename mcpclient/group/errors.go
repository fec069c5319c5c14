package group

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/errtext"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

// Reason says why a call was not made.
type Reason uint8

const (
	// UnknownFunction: no server offers the function. If its server is not ready, the reason is
	// ServerDown, since the server may have it.
	UnknownFunction Reason = iota + 1
	// ServerDown: the server is not ready, or the caller's context ended before it was.
	ServerDown
	// Denied: the configuration or [Options].Approve refused the call, or the definition of the
	// function has changed and is not accepted.
	Denied
)

// String returns the reason in words.
func (r Reason) String() string {
	switch r {
	case UnknownFunction:
		return "unknown function"
	case ServerDown:
		return "server down"
	case Denied:
		return "denied"
	}
	return "unknown"
}

// CallError is a call that the group did not make, so nothing ran. Its text is fit for a model, which
// learns from it why there is no result.
//
// It unwraps to an [*mcpclient.Error], so that the functions of mcpclient work: OutcomeOf returns
// NotRun, and KindOf returns KindInvalid for UnknownFunction, KindNotSent for ServerDown and
// KindRefused for Denied. KindOf returns KindCanceled if the caller's context ended, and KindClosed
// if the server has left the group.
type CallError struct {
	Reason Reason
	// Function is the name of the function as the model gave it.
	Function string
	// State is the state of the server, the zero State if no server is known by this name.
	State State
	// Err is why, nil if there is nothing more to say.
	Err error

	canceled bool // the caller's context ended
}

// Error returns a text for a model.
func (e *CallError) Error() string {
	var text string
	switch e.Reason {
	case ServerDown:
		text = fmt.Sprintf("server %s is %s", e.State.Server, e.State.Status)
	case Denied:
		text = fmt.Sprintf("function %s was refused", e.Function)
	default:
		text = fmt.Sprintf("unknown function %q", e.Function)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns an [*mcpclient.Error] that wraps Err.
func (e *CallError) Unwrap() error {
	kind := mcpclient.KindInvalid
	switch {
	case e.canceled:
		kind = mcpclient.KindCanceled
	case e.State.Status == Closed:
		kind = mcpclient.KindClosed
	case e.Reason == ServerDown:
		kind = mcpclient.KindNotSent
	case e.Reason == Denied:
		kind = mcpclient.KindRefused
	}
	return &mcpclient.Error{Kind: kind, Method: "tools/call", Stage: transport.NotSent, Outcome: mcpclient.NotRun, Err: e.Err}
}

// errNotReady ends a try whose time is over.
var errNotReady = errors.New("not ready in time")

// notReadyError is the cause of a try that took too long. Its text says what went wrong until then.
type notReadyError struct {
	after time.Duration
	err   error // of the try
}

func (e *notReadyError) Error() string {
	text := fmt.Sprintf("%s: not ready within %v", mcpclient.KindTimeout, e.after)
	if met := obstacle(e.err); met != "" {
		text += ": " + met
	}
	return text
}

func (e *notReadyError) Unwrap() error { return e.err }

// Is reports whether target is context.DeadlineExceeded.
func (e *notReadyError) Is(target error) bool { return target == context.DeadlineExceeded }

// obstacle returns why a try had not succeeded when it was ended: the text of the first error in the
// tree that the end did not cause, or "" if the end caused all of them.
func obstacle(err error) string {
	if err == nil || err == context.Canceled || err == errNotReady {
		return ""
	}
	if !errors.Is(err, errNotReady) {
		return err.Error()
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return obstacle(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if text := obstacle(err); text != "" {
				return text
			}
		}
	}
	return ""
}

// failed returns the error of the try.
func (t *try) failed(ctx context.Context, err error) error {
	if !errors.Is(context.Cause(ctx), errNotReady) {
		return err
	}
	e := mcpclient.Error{Method: "connect", Outcome: mcpclient.NotRun}
	var inner *mcpclient.Error
	if errors.As(err, &inner) {
		e = *inner
	}
	e.Kind, e.Err = mcpclient.KindTimeout, &notReadyError{t.limit, err}
	return &e
}

// needsPerson reports whether the try failed because no user authorized it. If the authorization server
// could not be reached, the group tries again by itself.
func (t *try) needsPerson(err error) bool {
	login, failed := t.denied.Load().(*loginError)
	if !failed {
		return mcpclient.KindOf(err) == mcpclient.KindAuthRequired
	}
	var link *transport.Error
	return !errors.As(login.error, &link)
}

// brief describes an error for the log, without any text from the server.
func brief(err error) string {
	if text := errtext.OfReply(err); text != "" {
		return text
	}
	return strings.ToValidUTF8(err.Error(), "\ufffd")
}
