package mcpclient

import (
	"context"
	"sync"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxHandlers is how many server requests are handled at once.
const maxHandlers = 16

// slots bounds how many handlers, or how many POSTs, run at once.
type slots chan struct{}

func newSlots() slots { return make(slots, maxHandlers) }

// lazySlots are slots that are made when they are first needed. Most sessions need none.
type lazySlots struct {
	once sync.Once
	made slots
}

func (l *lazySlots) get() slots {
	l.once.Do(func() { l.made = newSlots() })
	return l.made
}

type slotsKey struct{}

// slotsFor returns the slots for server requests that come with a call. Each call that a handler
// makes has separate slots. With shared slots, sixteen handlers whose calls lead to further
// requests would deadlock.
func (s *Session) slotsFor(ctx context.Context) slots {
	if own, ok := ctx.Value(slotsKey{}).(slots); ok {
		return own
	}
	return s.slots.get()
}

// take waits for a slot. It returns an error if ctx or root ends first.
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

// handlerContext returns the context of a handler. It has the values of parent, the context of the
// stream or call that the request arrived on, and ends with parent. Call the returned function when
// the server cancels the request.
func handlerContext(parent context.Context) (context.Context, context.CancelCauseFunc) {
	return context.WithCancelCause(context.WithValue(parent, slotsKey{}, newSlots()))
}

// pendingRequests are the requests of a legacy server that have not been answered yet.
type pendingRequests struct {
	mu      sync.Mutex
	waiting map[requestKey]context.CancelCauseFunc // guarded by mu
}

// requestKey is the ID of a server request, as received, and the session generation that it belongs
// to.
type requestKey struct {
	generation uint64
	id         string
}

// add notes a request. It returns false if a request with this ID is already pending.
func (q *pendingRequests) add(key requestKey, cancel context.CancelCauseFunc) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, there := q.waiting[key]; there {
		return false
	}
	if q.waiting == nil {
		q.waiting = make(map[requestKey]context.CancelCauseFunc)
	}
	q.waiting[key] = cancel
	return true
}

func (q *pendingRequests) remove(key requestKey) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.waiting, key)
}

// cancelRequest handles notifications/cancelled from the server: it cancels the handler of the
// request that the notification names (2025-11-25, "Cancellation").
func (s *Session) cancelRequest(state *sessionState, params []byte) {
	id := cancelledID(params)
	if id == nil {
		return
	}
	s.pending.mu.Lock()
	cancel := s.pending.waiting[requestKey{state.generation, string(id)}]
	s.pending.mu.Unlock()
	if cancel != nil {
		cancel(errRequestCancelled)
	}
}

// cancelledID returns the request ID in the parameters of notifications/cancelled, as received. It
// returns nil if they contain no ID.
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
