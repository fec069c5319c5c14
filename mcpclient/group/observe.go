package group

import (
	"context"
	"time"
)

// Observer is called for each [Event] of a group, when the event happens and on the goroutine on
// which it happens, before its effect can be seen. The events of one server arrive in order, except
// for [Called], which arrives on the goroutine of the call. Servers run concurrently, so an Observer
// must be safe for concurrent use.
//
// An Observer must return at once, and must not call the group: the group waits for it. No lock is
// held. A panic is logged and has no other effect.
type Observer func(ctx context.Context, e Event)

// Event is something that happened in a group: [StateChanged], [FunctionsChanged], [ListFailed] or
// [Called]. Later versions may add types. Events hold no secrets of the client, but may hold texts
// of a server.
type Event interface{ event() }

// StateChanged reports that a server is about to have another status.
type StateChanged struct {
	State State
	// Before is the status so far, 0 if the server was just added.
	Before Status
}

// FunctionsChanged reports that the functions of a server are about to change. The names are those
// for the model, each list sorted.
type FunctionsChanged struct {
	Server string
	// Added, Removed and Changed are what differs from the functions before. Changed functions have
	// another definition.
	Added, Removed, Changed []string
	// Held are all functions of the server that [Pins] now hold back.
	Held []string
}

// ListFailed reports that the list of a server's tools could not be read again. The functions stay
// as they are.
type ListFailed struct {
	Server string
	Err    error
}

// Called reports that a call has ended, before the caller gets the result.
type Called struct {
	// Server and Function are the names of the server and of the function for the model. Server is
	// "" if the function belongs to no server.
	Server, Function string
	// Took is how long the call took, with approvals and waits.
	Took time.Duration
	// Err is the error of the call. A tool that reported a failure is no error.
	Err error
}

func (StateChanged) event()     {}
func (FunctionsChanged) event() {}
func (ListFailed) event()       {}
func (Called) event()           {}
