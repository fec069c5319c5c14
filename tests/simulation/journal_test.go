package simulation_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Journal records what really happened in a run: what the servers executed, what they sent to the
// callers, and a trace of all actors.
type Journal struct {
	mu       sync.Mutex // guards the fields below
	start    time.Time
	numbers  map[string]int // number of trace lines by actor
	trace    []traceLine
	breaches []Breach

	ran         map[int]int           // number of executions by call
	rounds      map[string]int        // number of executions that ended in an elicitation, by call and request state
	final       map[int]bool          // calls that received a final refusal or a response
	answered    map[int]bool          // calls that received a response with their id
	silence     map[int]time.Duration // longest time without data, by call
	sign        map[int]time.Duration // when each call was last sent or last received an event with data
	initialized int                   // number of initialize requests
	lost        int                   // number of times the server lost its sessions
	logins      int                   // number of times the user was prompted for authorization
	closed      time.Duration         // when Close returned
	denied      atomic.Bool           // the last GET had no valid token, so the shared stream opens only after a call has been authorized
	emitted     map[int]time.Duration
	updated     map[int]time.Duration
	outcomes    map[string]int // number of calls by the kind of error that they returned
	counts      map[string]int // number of events, for the summary
}

// traceLine is one line of the trace.
type traceLine struct {
	at     time.Duration
	actor  string
	number int // sequence number among the actor's lines
	text   string
}

// Breach is a broken promise.
type Breach struct {
	Class string // the promise that was broken
	Op    int    // number of the call, 0 if no call is involved
	Text  string
}

// String returns the class and the details.
func (b Breach) String() string { return b.Class + ": " + b.Text }

func newJournal() *Journal {
	return &Journal{
		numbers: map[string]int{}, ran: map[int]int{}, rounds: map[string]int{}, final: map[int]bool{}, answered: map[int]bool{},
		sign: map[int]time.Duration{}, silence: map[int]time.Duration{},
		emitted: map[int]time.Duration{}, updated: map[int]time.Duration{}, outcomes: map[string]int{}, counts: map[string]int{},
	}
}

// now returns the virtual time since the run started.
func (j *Journal) now() time.Duration { return time.Since(j.start) }

// logf adds a line to the trace.
func (j *Journal) logf(actor, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.numbers[actor]++
	j.trace = append(j.trace, traceLine{j.now(), actor, j.numbers[actor], fmt.Sprintf(format, args...)})
}

// breachf records a broken promise.
func (j *Journal) breachf(class string, op int, format string, args ...any) {
	b := Breach{class, op, fmt.Sprintf(format, args...)}
	j.logf("BREACH", "%v", b)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.breaches = append(j.breaches, b)
}

// count adds one to the number of these events in the summary.
func (j *Journal) count(what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts[what]++
}

// beginSession records an initialize request that was answered.
func (j *Journal) beginSession() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.initialized++; j.initialized > 1 {
		j.counts["new sessions"]++
	}
}

// execute records that the server executes a call.
func (j *Journal) execute(op int, actor string) {
	j.mu.Lock()
	j.ran[op]++
	n := j.ran[op]
	j.mu.Unlock()
	j.logf(actor, "EXECUTES #%d, number %d", op, n)
}

// ask records that the server executes a call until the call needs an elicitation.
func (j *Journal) ask(op int, state, actor string) {
	j.mu.Lock()
	j.rounds[roundKey(op, state)]++
	j.mu.Unlock()
	j.logf(actor, "EXECUTES #%d up to an elicitation, state %q", op, state)
}

func roundKey(op int, state string) string { return fmt.Sprintf("#%d %s", op, state) }

// asked returns how often executions of a call ended in an elicitation: in total, and the highest
// count for a single request state.
func (j *Journal) asked(op int) (all, most int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for key, n := range j.rounds {
		if strings.HasPrefix(key, roundKey(op, "")) {
			all, most = all+n, max(most, n)
		}
	}
	return all, most
}

// alive records that a call was sent or received data.
func (j *Journal) alive(op int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if last, again := j.sign[op]; again {
		j.silence[op] = max(j.silence[op], j.now()-last)
	}
	j.sign[op] = j.now()
}

// said records what the server is about to send to a call. final means a final refusal. response
// means a response with the id of the request, which is also final. The server calls said before it
// sends.
func (j *Journal) said(op int, final, response bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.final[op] = j.final[op] || final || response
	j.answered[op] = j.answered[op] || response
}

// Trace returns the trace in an order that does not depend on the scheduler.
func (j *Journal) Trace() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := slices.Clone(j.trace)
	slices.SortStableFunc(lines, func(a, b traceLine) int {
		if a.at != b.at {
			return int(min(max(a.at-b.at, -1), 1))
		}
		if order := strings.Compare(a.actor, b.actor); order != 0 {
			return order
		}
		return a.number - b.number
	})
	var text strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&text, "%14v  %-12s %s\n", l.at, l.actor, l.text)
	}
	return text.String()
}
