package interop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// peer is a server that somebody else wrote, in one of its settings. All offer
// the same tools, resources and prompts.
type peer struct {
	name    string
	era     mcpclient.Era
	version string
	start   func(w *world) *instance

	// resumes: the server stores events, so a cut stream can be taken up again.
	resumes bool
	// lockstep: the server loses notifications that are sent faster than they are
	// written, so its tools wait until the client has seen each one.
	lockstep bool
	// takesAnySession: a GET with a session id that the server does not know opens a stream.
	takesAnySession bool
	// distinguishesEmpty: a mirrored header with an empty value is not taken for a missing one.
	distinguishesEmpty bool
	// silentCalls: answers are plain JSON, so nothing can come on a call's own response.
	silentCalls bool
	// oneRound: what a tool requires is asked of a legacy client once a call.
	oneRound bool
	// plainReads: reading a resource cannot require input from this era's clients.
	plainReads bool
}

// instance is one run of a peer: its memory ends with it.
type instance struct {
	handler http.Handler
	// These change a list; the server tells its clients.
	addTool, addPrompt, addResource func(name string)
	update                          func(uri string) // tells those who subscribed that a resource has changed
	stop                            func()           // ends its sessions and their goroutines
}

// world is what the tools of a peer share with the test that calls them.
type world struct {
	lockstep bool
	entered  chan struct{} // a call of "wait" has begun
	ended    chan error    // its context ended, with this error
	seen     chan struct{} // the client has seen a notification
	runs     chan string   // a tool ran
	proceed  chan struct{} // "pause" may go on
	over     chan struct{} // the test has ended, and so must every tool
	moved    chan struct{} // the client told that its roots have changed
}

func newWorld(p peer) *world {
	return &world{
		lockstep: p.lockstep, entered: make(chan struct{}, 8), ended: make(chan error, 8), seen: make(chan struct{}, 1024),
		runs: make(chan string, 1024), proceed: make(chan struct{}), over: make(chan struct{}), moved: make(chan struct{}, 8),
	}
}

// sent is called by tools after each notification.
func (w *world) sent(ctx context.Context) {
	if !w.lockstep {
		return
	}
	select {
	case <-w.seen:
	case <-ctx.Done():
	case <-w.over:
	}
}

var errOver = errors.New("the test has ended")

// wait is the tool that never finishes by itself.
func (w *world) wait(ctx context.Context) error {
	w.entered <- struct{}{}
	select {
	case <-ctx.Done():
		w.ended <- ctx.Err()
		return ctx.Err()
	case <-w.over:
		return errOver
	}
}

// pause waits until the test lets the tool go on.
func (w *world) pause() error {
	select {
	case <-w.proceed:
		return nil
	case <-w.over:
		return errOver
	}
}

const (
	steps = 50 // of the tool "work"

	// bigContent has integers that no float64 holds.
	bigContent = `{"id":9007199254740993,"list":[18446744073709551615,-9223372036854775807],"tiny":1e-7}`

	trickyText = "line 1\nline 2\t\"quoted\" \\ ünïcode \U0001F600 \u2028 </script>"

	sumSchema = `{"type":"object","properties":{"sum":{"type":"integer"}},"required":["sum"]}`

	anySchema    = `{"type":"object"}`
	regionSchema = `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}},"required":["region"]}`
)

// stepName is the message of a step's progress.
func stepName(i int) string { return fmt.Sprintf("step %d of \"%d\"", i, steps) }

// toolNames are the tools of every peer, sorted.
var toolNames = []string{"ask", "big", "echo", "fail", "locked", "log", "mirror", "pause", "region", "sum", "wait", "work"}

func peers() []peer {
	return append(goSDKPeers(), mcpGoPeers()...)
}

// each runs a test against every peer that is wanted (nil: all).
func each(t *testing.T, wanted func(peer) bool, test func(t *testing.T, p peer, w *world, f *front)) {
	t.Helper()
	ran := 0
	for _, p := range peers() {
		if wanted != nil && !wanted(p) {
			continue
		}
		ran++
		t.Run(p.name, func(t *testing.T) {
			w := newWorld(p)
			f := newFront(t, p, w)
			t.Cleanup(func() { close(w.over) })
			test(t, p, w, f)
		})
	}
	require.NotZero(t, ran)
}

func legacy(p peer) bool { return p.era == mcpclient.EraLegacy }
func modern(p peer) bool { return p.era == mcpclient.EraModern }

// connect begins a session that ends with the test.
func connect(t *testing.T, f *front, opts *mcpclient.Options) *mcpclient.Session {
	t.Helper()
	s, err := mcpclient.Connect(limit(t), f.url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
