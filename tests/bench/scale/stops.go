package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/transport"
)

const (
	impatient = 2 * time.Second // deadline of the calls with a deadline
	settling  = 2 * time.Second // how long calls run before the servers are suspended
	patience  = 2 * time.Minute // how long sessions have to come back
)

// use is a kind of call.
type use struct {
	name string
	make func(ctx context.Context, s *mcpclient.Session, n string) error
}

var uses = []use{
	{"tool", func(ctx context.Context, s *mcpclient.Session, n string) error {
		_, err := s.CallTool(ctx, "tool_0", map[string]any{"query": n})
		return err
	}},
	{fmt.Sprintf("tool, deadline %v", impatient), func(ctx context.Context, s *mcpclient.Session, n string) error {
		ctx, cancel := context.WithTimeout(ctx, impatient)
		defer cancel()
		_, err := s.CallTool(ctx, "tool_0", map[string]any{"query": n})
		return err
	}},
	{"list of tools", func(ctx context.Context, s *mcpclient.Session, _ string) error {
		_, err := s.ListTools(ctx, nil)
		return err
	}},
}

// made is one call that has ended.
type made struct {
	use          int
	session      int
	began, ended time.Time
	err          error
}

// traffic makes calls on all sessions, each of them about one a second.
type traffic struct {
	sessions []*mcpclient.Session
	workers  sync.WaitGroup
	end      chan struct{}

	mu    sync.Mutex
	calls []made        // guarded by mu
	late  time.Duration // guarded by mu: the longest delay of a timer, which shows how busy this machine is
}

func (t *traffic) start() {
	t.end = make(chan struct{})
	for i, s := range t.sessions {
		t.workers.Go(func() { t.work(i, s) })
	}
}

func (t *traffic) work(i int, s *mcpclient.Session) {
	pause := time.Duration(i) * time.Second / time.Duration(len(t.sessions)) // so calls are spread over the second
	for n := i; ; n++ {
		due := time.Now().Add(pause)
		select {
		case <-t.end:
			return
		case <-time.After(pause):
		}
		late := time.Since(due)
		pause = time.Second
		m := made{use: n % len(uses), session: i, began: time.Now()}
		m.err = uses[m.use].make(context.Background(), s, fmt.Sprintf("%d of session %d", n, i))
		m.ended = time.Now()
		t.mu.Lock()
		t.calls, t.late = append(t.calls, m), max(t.late, late)
		t.mu.Unlock()
	}
}

// back returns how many sessions have made a call after a time that succeeded, and when the last of
// them did so first.
func (t *traffic) back(after time.Time) (sessions int, last time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	first := map[int]time.Duration{}
	for _, m := range t.calls {
		if took := m.ended.Sub(after); m.err == nil && took > 0 {
			if old, ok := first[m.session]; !ok || took < old {
				first[m.session] = took
			}
		}
	}
	for _, took := range first {
		last = max(last, took)
	}
	return len(first), last
}

// measureStops suspends the servers while calls run, and prints what became of the calls.
func measureStops(o *options) error {
	var (
		addrs []string
		done  string
	)
	servers, err := start(asServer, strconv.Itoa(o.servers), &addrs)
	if err != nil {
		return err
	}
	direct := transport.NewDirect(nil)
	sessions, err := connectAll(context.Background(), addrs, o.sessions, mcpclient.Options{Transport: direct, ProtocolVersion: legacyVersion})
	if err == nil {
		err = errors.Join(servers.ask(fmt.Sprint("tools ", memberTools), &done), await(servers, o.sessions))
	}
	if err == nil {
		err = suspended(o, servers, sessions)
	}
	return errors.Join(err, closeAll(sessions), direct.Close(), servers.stop())
}

func suspended(o *options, servers *process, sessions []*mcpclient.Session) error {
	t := &traffic{sessions: sessions}
	t.start()
	time.Sleep(settling)
	stopped := time.Now()
	if err := servers.suspend(); err != nil {
		close(t.end)
		t.workers.Wait()
		return err
	}
	time.Sleep(o.stop)
	err := servers.resume()
	resumed := time.Now()
	for {
		if n, _ := t.back(resumed); n == len(sessions) || time.Since(resumed) > patience {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(t.end)
	t.workers.Wait()
	var ran executions
	err = errors.Join(err, servers.ask("ran", &ran))
	t.print(o, stopped, resumed, ran)
	return err
}

// print prints the calls that met the suspended servers.
func (t *traffic) print(o *options, stopped, resumed time.Time, ran executions) {
	n, last := t.back(resumed)
	fmt.Fprintf(o.out, "### %d sessions while %d servers were suspended for %v\n\n", len(t.sessions), o.servers, o.stop)
	fmt.Fprintf(o.out, "%d sessions are back, the last %.1f s after the servers continued. %d tool calls ran, %d of them twice. "+
		"Timers were up to %.1f s late.\n\n", n, last.Seconds(), ran.Calls, ran.Twice, t.late.Seconds())
	fmt.Fprintln(o.out, "| calls that were made or ended meanwhile | outcome | calls | longest |\n|---|---|---|---|")
	type row struct {
		use    int
		result string
	}
	count, longest := map[row]int{}, map[row]time.Duration{}
	for _, m := range t.calls {
		if m.ended.Before(stopped) || m.began.After(resumed) {
			continue
		}
		r := row{m.use, "success"}
		if m.err != nil {
			r.result = fmt.Sprintf("%v; %v", mcpclient.KindOf(m.err), mcpclient.OutcomeOf(m.err))
		}
		count[r]++
		longest[r] = max(longest[r], m.ended.Sub(m.began))
	}
	var rows []row
	for r := range count {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.use, b.use), cmp.Compare(count[b], count[a])) })
	for _, r := range rows {
		fmt.Fprintf(o.out, "| %s | %s | %d | %.1f s |\n", uses[r.use].name, r.result, count[r], longest[r].Seconds())
	}
	fmt.Fprintln(o.out)
}
