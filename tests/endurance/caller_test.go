package endurance_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
)

const (
	pause = 30 * time.Second // at most, between two calls of a worker
	bound = 10 * time.Minute // every call returns within this time
)

// caller is a program that uses a session or a group.
type caller struct {
	w    *world
	call func(ctx context.Context, tool string, args json.RawMessage, opts ...mcpclient.CallOption) (*mcpclient.CallToolResult, error)
	// session is nil for a member of the group.
	session *mcpclient.Session
}

// work makes calls until the time is over. Then it waits for its subscriptions.
func (c *caller) work(dice *rand.Rand, until time.Time) {
	var following sync.WaitGroup
	defer following.Wait()
	for {
		time.Sleep(time.Duration(dice.Int64N(int64(pause))))
		if !time.Now().Before(until) {
			return
		}
		what, began := dice.IntN(20), time.Now()
		switch {
		case c.session == nil || what > 3:
			c.tool(dice)
		case what == 0:
			_, _, err := c.session.AllTools(c.w.t.Context())
			c.w.book.count(err)
		case what == 1:
			_, err := c.session.ListTools(c.w.t.Context(), nil)
			c.w.book.count(err)
		case what == 2:
			c.w.book.count(c.session.Ping(c.w.t.Context()))
		default:
			end := min(time.Duration(dice.Int64N(int64(4*time.Minute))), time.Until(until))
			following.Go(func() { c.follow(end) })
		}
		if took := time.Since(began); took > bound {
			c.w.t.Errorf("a request took %v", took)
		}
	}
}

// tool makes a tool call: one of four is harmless to repeat, half have progress, and one of eight is
// canceled.
func (c *caller) tool(dice *rand.Rand) {
	ctx, cancel := context.WithCancel(c.w.t.Context())
	defer cancel()
	name, opts, harmless := "pay", []mcpclient.CallOption(nil), dice.IntN(4) == 0
	if harmless {
		name, opts = "look", append(opts, mcpclient.WithIdempotent())
	}
	var returned atomic.Bool
	if dice.IntN(2) == 0 {
		opts = append(opts, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {
			if returned.Load() {
				c.w.t.Error("progress after the return")
			}
		}))
	}
	canceled := dice.IntN(8) == 0
	if canceled {
		timer := time.AfterFunc(time.Duration(dice.Int64N(int64(3*time.Second))), cancel)
		defer timer.Stop()
	}
	n := c.w.book.begin(harmless)
	args := fmt.Appendf(nil, `{"n":%d,"steps":%d}`, n, dice.IntN(10))
	res, err := c.call(ctx, name, args, opts...)
	returned.Store(true)
	c.w.book.end(n, err)
	switch want := fmt.Sprintf("call %d", n); {
	case err == nil && res.IsError:
		c.w.t.Errorf("call %d: the tool failed", n)
	case err == nil && res.Text() != want:
		c.w.t.Errorf("call %d: got the result %q", n, res.Text())
	case mcpclient.KindOf(err) == mcpclient.KindCanceled && !canceled:
		c.w.t.Errorf("call %d was canceled, but not by its caller: %v", n, err)
	}
}

// follow subscribes for some time and counts the events.
func (c *caller) follow(d time.Duration) {
	ctx, cancel := context.WithTimeout(c.w.t.Context(), d)
	defer cancel()
	l, err := c.session.Listen(ctx, mcpclient.Filter{ToolsChanged: true, Resources: []string{"r:/x"}})
	if err != nil {
		return // the site was down
	}
	defer func() { _ = l.Close() }() // always returns nil
	context.AfterFunc(ctx, func() { _ = l.Close() })
	for range l.Events() {
		c.w.events.Add(1)
	}
}
