package agent

import (
	"fmt"
	"sync"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// slots decides which exchanges of a link may run. An exchange holds a slot until the headers of
// its response arrive. After that it may run without a slot for a long time.
type slots struct {
	mu      sync.Mutex
	free    int
	room    int                 // how many more exchanges may enter
	waiting []*exchange         // in order
	active  map[string]struct{} // ids of the streamed exchanges
}

func (t *slots) init(concurrent, exchanges int) {
	t.free, t.room = concurrent, exchanges
	t.active = make(map[string]struct{})
}

// enter admits or refuses an exchange. start is true if the exchange has a slot, and false if it
// waits for one. refusal is nil if the exchange is admitted.
func (t *slots) enter(e *exchange) (start bool, refusal *failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.stream {
		if _, taken := t.active[e.id]; taken {
			return false, invalid(fmt.Errorf("http/request streamResponse requestId `%s` is already active", e.id))
		}
	}
	if t.room == 0 {
		return false, &failure{
			code:  execproto.CodeFailed,
			text:  "http/request failed: too many exchanges on this link",
			stage: execproto.Stage{NotSent: true},
		}
	}
	t.room--
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

// release frees a slot. It returns the waiting exchange that gets the slot, or nil if no exchange
// waits.
func (t *slots) release() *exchange {
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

// leave removes an exchange. Its ID may then be used again.
func (t *slots) leave(e *exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.room++
	if e.stream {
		delete(t.active, e.id)
	}
}
