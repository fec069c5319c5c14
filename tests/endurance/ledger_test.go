package endurance_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// maxCalls bounds the calls of a run. The ledger allocates everything for them before the heap is
// measured.
const maxCalls = 1 << 17

// ledger records what really happened to each tool call, by number.
type ledger struct {
	t *testing.T

	mu       sync.Mutex
	calls    int               // begun so far
	ran      [maxCalls]uint8   // executions
	outcomes [maxCalls]uint8   // returns
	verdicts [maxCalls]verdict // what the caller was told
	harmless [maxCalls]bool    // the call may run more than once
	kinds    map[string]int    // of all requests, by name of the kind
}

// verdict is what the outcome of a call says about it.
type verdict uint8

const (
	succeeded verdict = iota + 1
	notRun
	doubtful // the tool may have run
)

// begin returns the number of a new call.
func (l *ledger) begin(harmless bool) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.calls
	l.calls++
	l.harmless[n] = harmless
	return n
}

// execute records an execution of call n.
func (l *ledger) execute(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ran[n]++
}

// end records the outcome of call n.
func (l *ledger) end(n int, err error) {
	l.count(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[n]++
	switch {
	case err == nil:
		l.verdicts[n] = succeeded
	case mcpclient.OutcomeOf(err) == mcpclient.NotRun:
		l.verdicts[n] = notRun
	default:
		l.verdicts[n] = doubtful
	}
}

// count counts the kind of an error, which each error must have.
func (l *ledger) count(err error) {
	kind := mcpclient.KindOf(err)
	if err != nil && kind == 0 {
		l.t.Errorf("error without a kind: %v", err)
	}
	if kind == mcpclient.KindCanceled && !errors.Is(err, context.Canceled) {
		l.t.Errorf("canceled without a cause: %v", err)
	}
	name := "success"
	if err != nil {
		name = kind.String()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kinds[name]++
}

// check compares the outcomes with what ran. Nothing may run any more.
func (l *ledger) check() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range l.calls {
		switch ran := l.ran[n]; {
		case l.outcomes[n] != 1:
			l.t.Errorf("call %d has %d outcomes", n, l.outcomes[n])
		case ran > 1 && !l.harmless[n]:
			l.t.Errorf("call %d ran %d times", n, ran)
		case ran == 0 && l.verdicts[n] == succeeded:
			l.t.Errorf("call %d succeeded without running", n)
		case ran > 0 && l.verdicts[n] == notRun:
			l.t.Errorf("call %d ran, although its error says that it did not", n)
		}
	}
}
