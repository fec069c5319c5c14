package mcpclient_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// If equal events are waiting, only one is yielded. An equal event that arrives later is yielded
// again. Events that are waiting when the subscription ends are still yielded.
func TestEventsWaitOnce(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, PromptsChanged: true, Resources: []string{"file:///a", "file:///b"}})
		for range 50 {
			update(srv, "file:///a")
			notify(srv, toolsChanged)
			update(srv, "file:///b")
			notify(srv, promptsChanged)
		}
		for ev := range l.Events() {
			require.Equal(t, "file:///a", eventText(ev))
			break
		}
		update(srv, "file:///a", "file:///b")
		require.NoError(t, l.Close())
		ended(t, l, mcpclient.EndClosed)
		require.Equal(t, []string{"tools", "file:///b", "prompts", "file:///a"}, rest(l))
		require.Empty(t, rest(l), "each event is yielded once")
	})
}

// When the queue of waiting events is full, the loss is reported once, after the events that were
// kept. The queue still has room for list changes.
func TestEventsOverflow(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{Notifications: 3}})
		l := listen(t, s, mcpclient.Filter{ToolsChanged: true, Resources: []string{"file:///a"}})
		for i := range 10 {
			update(srv, fmt.Sprintf("file:///a/%d", i))
		}
		notify(srv, toolsChanged)
		update(srv, "file:///a/10", "file:///a/0", "file:///a/11")
		for ev := range l.Events() {
			require.Equal(t, "file:///a/0", eventText(ev))
			break
		}
		update(srv, "file:///a/12")
		srv.CutSharedStreams(true)
		require.NoError(t, l.Close())
		ended(t, l, mcpclient.EndClosed)
		require.Equal(t, []string{"file:///a/1", "file:///a/2", "missed", "tools", "missed"}, rest(l))
	})
}

// An update with a URI that is too long is reported as missed events.
func TestEventOfAHugeURI(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		d := read(l)
		update(srv, "file:///a/"+strings.Repeat("x", 64<<10))
		require.Equal(t, []string{"missed"}, d.take())
		update(srv, "file:///a/"+strings.Repeat("x", 32<<10))
		require.Len(t, d.take(), 1)
		require.NoError(t, l.Err())
	})
}

// The total length of the waiting events' URIs is also bounded.
func TestEventsOverflowInBytes(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{Limits: mcpclient.Limits{Notifications: -1}})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		long := strings.Repeat("x", 60<<10)
		for i := range 300 {
			update(srv, fmt.Sprintf("file:///a/%d%s", i, long))
		}
		require.NoError(t, l.Close())
		ended(t, l, mcpclient.EndClosed)
		events := rest(l)
		require.Greater(t, len(events), 200)
		require.Less(t, len(events), 290, "16 MiB at most")
		require.Equal(t, "missed", events[len(events)-1])
	})
}

// Two loops over Events share the events: each event goes to one of the loops. Both loops end when
// the subscription ends.
func TestEventsInTwoLoops(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, mcpclient.Filter{Resources: []string{"file:///a"}})
		var (
			mu   sync.Mutex
			seen []string
			wg   sync.WaitGroup
			want []string
		)
		for range 2 {
			wg.Go(func() {
				for ev := range l.Events() {
					mu.Lock()
					seen = append(seen, eventText(ev))
					mu.Unlock()
				}
			})
		}
		for i := range 100 {
			uri := fmt.Sprintf("file:///a/%02d", i)
			want = append(want, uri)
			srv.Notify(resourceUpdated, map[string]any{"uri": uri})
		}
		synctest.Wait()
		mu.Lock()
		require.Len(t, seen, 100)
		mu.Unlock()
		require.NoError(t, l.Close())
		wg.Wait()
		sort.Strings(seen)
		require.Equal(t, want, seen)
	})
}

// A subscription does not end when a loop breaks or no loop runs. Done and Err report its end.
func TestEventsAfterABreak(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		s := serve(t, srv, mcpclient.Options{})
		l := listen(t, s, toTools)
		for range 3 {
			notify(srv, toolsChanged)
			for ev := range l.Events() {
				require.Equal(t, mcpclient.ListenEvent{Kind: mcpclient.ListenToolsChanged}, ev)
				break
			}
		}
		select {
		case <-l.Done():
			require.Fail(t, "ended")
		default:
		}
		require.NoError(t, l.Err())
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		<-l.Done()
		ended(t, l, mcpclient.EndClosed)
		require.NoError(t, l.Close())
		require.Empty(t, rest(l))
		notify(srv, toolsChanged)
		require.Empty(t, rest(l), "no event arrives after the end")
	})
}

// Every EndReason has a text.
func TestEndReasonsInWords(t *testing.T) {
	seen := make(map[string]bool)
	for why := mcpclient.EndClosed; why <= mcpclient.EndRefused; why++ {
		text := (&mcpclient.ListenError{Reason: why}).Error()
		require.NotContains(t, text, "unknown")
		require.False(t, seen[text], text)
		seen[text] = true
	}
	require.Equal(t, "unknown reason", mcpclient.EndReason(0).String())
	require.Equal(t, "unknown reason", mcpclient.EndReason(200).String())
	require.Contains(t, (&mcpclient.ListenError{Reason: mcpclient.EndLost, Err: mcpclient.ErrSessionLost}).Error(), mcpclient.ErrSessionLost.Error())
}

// subscriber is one subscription of the test. It records which changes were sent but not received
// yet.
type subscriber struct {
	l     *mcpclient.Subscription
	about []string // the events that it subscribes to
	once  bool

	mu    sync.Mutex
	owed  map[string]bool // guarded by mu
	heard int             // number of ListenMissedEvents received; guarded by mu
}

// follow reads the events and removes the received changes from owed. A ListenMissedEvents counts
// as receiving all earlier changes.
func (sub *subscriber) follow() {
	for ev := range sub.l.Events() {
		sub.mu.Lock()
		if ev.Kind == mcpclient.ListenMissedEvents {
			clear(sub.owed)
			sub.heard++
		}
		delete(sub.owed, eventText(ev))
		sub.mu.Unlock()
	}
}

func (sub *subscriber) owes() []string {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return slices.Sorted(maps.Keys(sub.owed))
}

// turmoil is a random sequence of changes and failures during several subscriptions.
type turmoil struct {
	t    *testing.T
	srv  *mcptest.Server
	s    *mcpclient.Session
	rnd  *rand.Rand
	subs []*subscriber

	mu     sync.Mutex
	refuse int // how many listen requests the busy server will still refuse; guarded by mu
}

// busy makes the server refuse the next n listen requests as too busy.
func (c *turmoil) busy(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuse = n
}

// isBusy refuses a listen request if the server is too busy.
func (c *turmoil) isBusy(w http.ResponseWriter, _ *http.Request, _ *mcptest.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse == 0 {
		return false
	}
	c.refuse--
	w.WriteHeader(http.StatusServiceUnavailable)
	return true
}

var chaosFilters = []struct {
	f     mcpclient.Filter
	about []string
}{
	{toTools, []string{"tools"}},
	{mcpclient.Filter{PromptsChanged: true, Resources: []string{"file:///a"}}, []string{"prompts", "file:///a"}},
	{mcpclient.Filter{Resources: []string{"file:///b", "file:///a"}}, []string{"file:///a", "file:///b"}},
	{mcpclient.Filter{ToolsChanged: true, ResourcesChanged: true, Resources: []string{"file:///b"}}, []string{"tools", "resources", "file:///b"}},
}

func (c *turmoil) subscribe(i int) *subscriber {
	chosen := chaosFilters[i%len(chaosFilters)]
	sub := &subscriber{about: chosen.about, once: i == len(chaosFilters), owed: make(map[string]bool)}
	var opts []mcpclient.ListenOption
	if sub.once {
		opts = append(opts, mcpclient.WithoutReopening())
	}
	l, err := c.s.Listen(c.t.Context(), chosen.f, opts...)
	for range 4 { // several tries, because the pauses grow and one stream serves all subscriptions
		if mcpclient.KindOf(err) != mcpclient.KindTimeout {
			break
		}
		l, err = c.s.Listen(c.t.Context(), chosen.f, opts...)
	}
	require.NoError(c.t, err)
	sub.l = l
	go sub.follow()
	return sub
}

// change sends a change. Every subscriber to this kind of change must receive it.
func (c *turmoil) change(text string) {
	synctest.Wait() // earlier messages have arrived
	for _, sub := range c.subs {
		sub.mu.Lock()
		if slices.Contains(sub.about, text) {
			sub.owed[text] = true
		}
		sub.mu.Unlock()
	}
	if strings.HasPrefix(text, "file:") {
		c.srv.Notify(resourceUpdated, map[string]any{"uri": text})
	} else {
		c.srv.Notify("notifications/"+text+"/list_changed", nil)
	}
}

// replace starts a new subscription for each one that was allowed to end and has ended.
func (c *turmoil) replace() {
	synctest.Wait()
	for i, sub := range c.subs {
		if err := sub.l.Err(); err != nil {
			allowed := []mcpclient.EndReason{mcpclient.EndClosed}
			if c.srv.Era == mcptest.Modern {
				allowed = append(allowed, mcpclient.EndCompleted, mcpclient.EndCancelled)
			}
			if sub.once {
				allowed = append(allowed, mcpclient.EndLost)
			}
			require.Contains(c.t, allowed, reason(c.t, err), "%v", err)
			c.subs[i] = c.subscribe(i)
		}
	}
}

var chaosChanges = []string{"tools", "prompts", "resources", "file:///a", "file:///b"}

func (c *turmoil) step() {
	switch c.rnd.IntN(16) {
	case 0, 1:
		c.srv.CutSharedStreams(c.rnd.IntN(2) == 0)
		if c.rnd.IntN(2) == 0 { // before replace, which would reopen a lost stream at once
			c.change(chaosChanges[c.rnd.IntN(len(chaosChanges))])
		}
	case 2:
		if c.srv.Era == mcptest.Legacy {
			c.srv.LoseSessions()
		} else {
			c.srv.EndSubscriptions()
		}
	case 3:
		if c.srv.Era == mcptest.Legacy {
			c.srv.CutSharedStreams(true)
			c.srv.LoseSessions()
		} else {
			c.srv.CancelSubscriptions()
		}
	case 4:
		require.NoError(c.t, c.subs[c.rnd.IntN(len(c.subs))].l.Close())
	case 5:
		c.busy(2)
	case 6:
		echoes(c.t, c.s)
	case 7, 8, 9:
		time.Sleep(time.Duration(c.rnd.IntN(4000)) * time.Millisecond)
	default:
		c.change(chaosChanges[c.rnd.IntN(len(chaosChanges))])
	}
	c.replace()
}

// Whatever happens to streams and sessions, each subscriber receives each change or a later report
// of missed events.
func TestNoChangeIsMissedSilently(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			losses := 0
			for seed := range uint64(60) {
				t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						losses += missesNothing(t, era, seed)
					})
				})
			}
			require.Greater(t, losses, 60, "the test missed enough events")
		})
	}
}

func missesNothing(t *testing.T, era mcptest.Era, seed uint64) (losses int) {
	t.Helper()
	srv := newServer(mode{era, true})
	srv.EventIDs = seed%2 == 1
	c := &turmoil{t: t, srv: srv, rnd: rand.New(rand.NewPCG(seed, 1))}
	srv.Intercept = atStream(c.isBusy)
	c.s = serve(t, srv, mcpclient.Options{})
	for i := range len(chaosFilters) + 1 {
		c.subs = append(c.subs, c.subscribe(i))
	}
	for range 80 {
		c.step()
	}
	echoes(t, c.s) // the call detects a lost session
	pass(5 * time.Minute)
	c.replace()
	for i, sub := range c.subs {
		require.Empty(t, sub.owes(), "subscriber %d", i)
		sub.mu.Lock()
		losses += sub.heard
		sub.heard = 0
		sub.mu.Unlock()
	}
	for _, text := range chaosChanges {
		c.change(text)
	}
	synctest.Wait()
	for i, sub := range c.subs {
		require.NoError(t, sub.l.Err())
		require.Empty(t, sub.owes(), "subscriber %d, after everything worked again", i)
		sub.mu.Lock()
		require.Zero(t, sub.heard, "the change is received as an event, not as missed events")
		sub.mu.Unlock()
	}
	return losses
}
