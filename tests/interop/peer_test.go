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

// peer is a third-party server in one configuration. All peers offer the same tools, resources and
// prompts.
type peer struct {
	name    string
	era     mcpclient.Era
	version string
	start   func(w *world) *instance

	// resumes: the server stores events, so a cut stream can be resumed.
	resumes bool
	// lockstep: the server loses notifications that are sent faster than they are written, so its
	// tools wait until the client has received each one.
	lockstep bool
	// takesAnySession: a GET with an unknown session id opens a stream.
	takesAnySession bool
	// distinguishesEmpty: the server distinguishes an empty mirrored header from a missing one.
	distinguishesEmpty bool
	// silentCalls: answers are plain JSON, so a call's response carries no notifications.
	silentCalls bool
	// oneRound: a tool can require input of a legacy client only once per call.
	oneRound bool
	// plainReads: reading a resource cannot require input.
	plainReads bool
}

// instance is one run of a peer. Its state ends with it.
type instance struct {
	handler http.Handler
	// These functions add to a list. The server then notifies its clients.
	addTool, addPrompt, addResource func(name string)
	update                          func(uri string) // tells the subscribers of a resource that the resource has changed
	stop                            func()           // ends the server's sessions and their goroutines
}

// world is the state that a peer's tools share with the test that calls them.
type world struct {
	lockstep bool
	entered  chan struct{} // receives a value when "wait" starts
	ended    chan error    // receives the context's error when "wait" is cancelled
	seen     chan struct{} // receives a value when the client has received a notification
	runs     chan string   // receives the name of each tool that runs
	proceed  chan struct{} // closed when "pause" may continue
	over     chan struct{} // closed at the end of the test, which ends every tool
	moved    chan struct{} // receives a value when the client notifies the server of changed roots
}

func newWorld(p peer) *world {
	return &world{
		lockstep: p.lockstep, entered: make(chan struct{}, 8), ended: make(chan error, 8), seen: make(chan struct{}, 1024),
		runs: make(chan string, 1024), proceed: make(chan struct{}), over: make(chan struct{}), moved: make(chan struct{}, 8),
	}
}

// sent is called by a tool after each notification. In lockstep mode, it waits until the client has
// received the notification.
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

// wait implements the tool "wait", which runs until it is cancelled.
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

// pause waits until the test lets the tool continue.
func (w *world) pause() error {
	select {
	case <-w.proceed:
		return nil
	case <-w.over:
		return errOver
	}
}

const (
	steps = 50 // number of steps of the tool "work"

	// bigContent has integers that a float64 cannot represent.
	bigContent = `{"id":9007199254740993,"list":[18446744073709551615,-9223372036854775807],"tiny":1e-7}`

	trickyText = "line 1\nline 2\t\"quoted\" \\ ünïcode \U0001F600 \u2028 </script>"

	sumSchema = `{"type":"object","properties":{"sum":{"type":"integer"}},"required":["sum"]}`

	anySchema    = `{"type":"object"}`
	regionSchema = `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}},"required":["region"]}`
)

// stepName returns the progress message of a step.
func stepName(i int) string { return fmt.Sprintf("step %d of \"%d\"", i, steps) }

// toolNames lists the tools of every peer, sorted.
var toolNames = []string{"ask", "big", "echo", "fail", "locked", "log", "mirror", "pause", "region", "sum", "wait", "work"}

func peers() []peer {
	return append(goSDKPeers(), mcpGoPeers()...)
}

// each runs a test against every peer for which wanted returns true. If wanted is nil, it runs the
// test against all peers.
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

// connect opens a session that is closed at the end of the test.
func connect(t *testing.T, f *front, opts *mcpclient.Options) *mcpclient.Session {
	t.Helper()
	s, err := mcpclient.Connect(limit(t), f.url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}
