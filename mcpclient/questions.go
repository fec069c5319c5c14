package mcpclient

import (
	"context"
	"sync"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxAsked is how many questions of the server are answered at once.
const maxAsked = 16

// slots bounds what is done at once for the server.
type slots chan struct{}

func newSlots() slots { return make(slots, maxAsked) }

type slotsKey struct{}

// slotsFor returns what bounds the questions that come with a call. A call that
// a handler makes has slots of its own: were they the session's, sixteen handlers whose
// calls ask again would wait for each other.
func (s *Session) slotsFor(ctx context.Context) slots {
	if own, ok := ctx.Value(slotsKey{}).(slots); ok {
		return own
	}
	return s.asked
}

// take waits for a slot.
func (sl slots) take(ctx, root context.Context) error {
	select {
	case sl <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-root.Done():
		return ErrClosed
	}
}

func (sl slots) give() { <-sl }

// handlerContext is what a handler runs under, and how its question is taken
// back: the values of the stream or call that it came with, and its end.
func handlerContext(parent context.Context) (context.Context, context.CancelCauseFunc) {
	return context.WithCancelCause(context.WithValue(parent, slotsKey{}, newSlots()))
}

// questions are those of a legacy server that wait for their answers.
type questions struct {
	mu      sync.Mutex
	waiting map[questionKey]context.CancelCauseFunc // guarded by mu
}

// questionKey is a question's id, as written, in the session it came in.
type questionKey struct {
	generation uint64
	id         string
}

// add notes a question; false if it is there already: then it came twice.
func (q *questions) add(key questionKey, cancel context.CancelCauseFunc) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, there := q.waiting[key]; there {
		return false
	}
	if q.waiting == nil {
		q.waiting = make(map[questionKey]context.CancelCauseFunc)
	}
	q.waiting[key] = cancel
	return true
}

func (q *questions) remove(key questionKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, key)
}

// takeBack ends the question that a notifications/cancelled of the server
// names (2025-11-25, "Cancellation"): it wants no answer any more.
func (s *Session) takeBack(state *sessionState, params []byte) {
	id := cancelledID(params)
	if id == nil {
		return
	}
	s.questions.mu.Lock()
	cancel := s.questions.waiting[questionKey{state.generation, string(id)}]
	s.questions.mu.Unlock()
	if cancel != nil {
		cancel(errTakenBack)
	}
}

// cancelledID is the request that a notifications/cancelled names, as written; nil if none.
func cancelledID(params []byte) (id []byte) {
	cur := jsonrpc.NewCursor(params, 0)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		if string(key) == "requestId" {
			id = cur.Skip()
		} else {
			cur.Skip()
		}
	}
	if cur.Err() != nil {
		return nil
	}
	return id
}
