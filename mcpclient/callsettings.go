package mcpclient

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// CallSettings is what the [CallOption] values of a call say. Clients of other transports use it to
// accept the same options as a [Session]; see [ApplyOptions]. A client that cannot honor a setting
// should fail the call if the result would be another, and may ignore it otherwise.
type CallSettings struct {
	// IdleTimeout and TotalTimeout are set by [WithIdleTimeout] and [WithTotalTimeout]. Zero means
	// that they were not given, negative means no bound.
	IdleTimeout, TotalTimeout time.Duration
	// Tries is set by [WithTries], 0 if it was not given.
	Tries int
	// Header is set by [WithHeader], nil if it was not given. It may hold secrets, so it is left out
	// when CallSettings are printed.
	Header http.Header
	// Meta has the members of _meta that [WithMeta] adds, nil if it was not given.
	Meta map[string]json.RawMessage
	// Progress is set by [OnProgress], nil if it was not given. Call it from one goroutine at a
	// time, in order, and not after the call has returned.
	Progress func(ctx context.Context, p Progress)
	// Input is an object with the members that [WithInput] adds to the parameters of the request,
	// nil if it was not given.
	Input json.RawMessage
	// Idempotent, RawResult, ManualInput and Unresolved are set by [WithIdempotent],
	// [WithRawResult], [WithManualInput] and [WithoutResolving].
	Idempotent, RawResult, ManualInput, Unresolved bool
}

// ApplyOptions returns what the options say. If an option is invalid, it returns an error of
// [KindInvalid], as the call of a session would.
func ApplyOptions(opts ...CallOption) (CallSettings, error) {
	const unset = -1
	c := call{delivery: delivery{timeouts: Timeouts{Idle: unset}}}
	c.apply(opts)
	if c.err != nil {
		return CallSettings{}, &Error{Kind: KindInvalid, Outcome: NotRun, Err: c.err}
	}
	s := CallSettings{
		Tries: c.maxTries, Header: c.header, Progress: c.progress,
		Idempotent: c.idempotent, RawResult: c.keepRaw, ManualInput: c.manual, Unresolved: c.unresolved,
	}
	if c.timeouts.Idle != unset {
		s.IdleTimeout = orUnbounded(c.timeouts.Idle)
	}
	if c.ownTotal {
		s.TotalTimeout = orUnbounded(c.total)
	}
	if len(c.msg.meta) > 0 {
		s.Meta = make(map[string]json.RawMessage)
		for key, value := range members(c.msg.meta) {
			s.Meta[key] = value
		}
	}
	if c.msg.input != nil {
		s.Input = json.RawMessage("{" + string(c.msg.input) + "}")
	}
	return s, nil
}

// orUnbounded returns d, or a negative duration for the 0 that a call uses for no bound.
func orUnbounded(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}
