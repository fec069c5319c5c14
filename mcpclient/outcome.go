package mcpclient

import "errors"

// Outcome is what is known of whether the server acted on a call. It is a fact, independent of
// whether the call may be made again; see [SafeToRepeat] for that.
type Outcome uint8

const (
	// Unknown: nothing final came back. The call may have run, or may still run.
	Unknown Outcome = iota
	// Answered: the server, or a gateway before it, gave its final word on the call: a JSON-RPC
	// response, a redirect, or a 4xx status. It may have acted.
	Answered
	// NotRun: the call provably did not run. It never left, or it was refused in a way that HTTP or
	// MCP reserves for requests that were not looked at, and nothing else came for it.
	NotRun
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Answered:
		return "answered"
	case NotRun:
		return "not run"
	default:
		return "unknown"
	}
}

// and is the outcome of two tries, or rounds, of one call.
func (o Outcome) and(other Outcome) Outcome { return min(o, other) }

// OutcomeOf returns the outcome of the call that ended with err: [Answered] for nil, [Unknown] for
// an error that is not an [*Error]. Over several tries and rounds of one call it is Unknown if one
// of them was, and NotRun only if all were.
func OutcomeOf(err error) Outcome {
	var e *Error
	switch {
	case err == nil:
		return Answered
	case errors.As(err, &e):
		return e.Outcome
	}
	return Unknown
}

// MayHaveRun reports whether err leaves open that the server acted on the call: err is not nil, and
// its outcome is not [NotRun].
func MayHaveRun(err error) bool { return err != nil && OutcomeOf(err) != NotRun }

// SafeToRepeat reports whether the call that ended with err can be made again without harm: it
// provably did not run, or it is harmless. Requests that only read are harmless, and so is a call
// that was declared so, by [WithIdempotent] or [Options].TrustToolHints. False for nil.
func SafeToRepeat(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Outcome == NotRun || e.harmless)
}

// Unreachable reports whether the server could not be reached: the call was sent in none of its tries.
func Unreachable(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Kind == KindNotSent && e.Outcome == NotRun && !e.reached
}
