package agent

import (
	"fmt"
	"sync"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// turns says which exchanges of a link may run. An exchange holds a turn until the
// headers of its response came; then it may go on for long without one.
type turns struct {
	mu      sync.Mutex
	free    int
	room    int                 // for exchanges
	held    int                 // bytes of request bodies
	waiting []*exchange         // in order
	active  map[string]struct{} // ids of the streamed exchanges
}

func (t *turns) init(concurrent, exchanges int) {
	t.free, t.room = concurrent, exchanges
	t.active = make(map[string]struct{})
}

// enter takes an exchange in. start says that it has a turn; else it waits for one.
func (t *turns) enter(e *exchange) (start bool, refusal *failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.stream {
		if _, taken := t.active[e.id]; taken {
			return false, invalid(fmt.Errorf("http/request streamResponse requestId `%s` is already active", e.id))
		}
	}
	size := len(e.out.body)
	if t.room == 0 || size > 0 && t.held > 0 && t.held+size > maxHeld {
		return false, &failure{
			code:  execproto.CodeFailed,
			text:  "http/request failed: too many exchanges on this link",
			stage: execproto.Stage{NotSent: true},
		}
	}
	t.room--
	e.size = size
	t.held += size
	if e.stream {
		t.active[e.id] = struct{}{}
	}
	if t.free == 0 {
		t.waiting = append(t.waiting, e)
		return false, nil
	}
	t.free--
	return true, nil
}

// release gives up a turn. It returns the exchange that has it now, nil if none waits.
func (t *turns) release() *exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		t.free++
		return nil
	}
	next := t.waiting[0]
	t.waiting[0] = nil
	t.waiting = t.waiting[1:]
	return next
}

// leave lets an exchange out: its id may be used again.
func (t *turns) leave(e *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room++
	t.held -= e.size
	if e.stream {
		delete(t.active, e.id)
	}
}
