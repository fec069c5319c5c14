// Package runner runs scenarios with clients, in rounds.
package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/measure"
	"github.com/hawser-mcp/hawser/tests/bench/internal/process"
	"github.com/hawser-mcp/hawser/tests/bench/internal/report"
	"github.com/hawser-mcp/hawser/tests/bench/internal/scenario"
	"github.com/hawser-mcp/hawser/tests/bench/internal/worker"
)

// Options says what to run.
type Options struct {
	Rounds  int
	Smoke   bool           // few calls
	Run     *regexp.Regexp // scenarios whose ID it matches; nil means all
	Clients []string       // clients besides the floor; none means all
	Codex   string         // path of a codex program; "" leaves codex out
	Log     io.Writer      // one line for each round and scenario
}

// patience bounds the wait for connections to close and for streams to open.
const patience = 30 * time.Second

// Run measures all scenarios with all clients in each round. In each round, another client is the
// first. A failed call, a wrong result or a wrong version ends the run with an error.
func Run(ctx context.Context, opts *Options) (results *report.Results, err error) {
	r := &runner{opts: opts, workers: map[string]*process.Child{}}
	if err := r.selectLibraries(); err != nil {
		return nil, err
	}
	for _, s := range scenario.All() {
		if opts.Run == nil || opts.Run.MatchString(s.ID()) {
			r.results.Rows = append(r.results.Rows, &report.Row{Scenario: s, Samples: map[string][]measure.Sample{}})
		}
	}
	if len(r.results.Rows) == 0 {
		return nil, fmt.Errorf("no scenario matches %v", opts.Run)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	for round := range opts.Rounds {
		for _, row := range r.results.Rows {
			start := time.Now()
			if err := r.measureRow(ctx, row, round); err != nil {
				return nil, err
			}
			fmt.Fprintf(opts.Log, "round %d of %d, %s: %.1f s\n", round+1, opts.Rounds, row.Scenario.ID(), time.Since(start).Seconds())
		}
		r.results.Rounds++
	}
	return &r.results, nil
}

type runner struct {
	opts    *Options
	libs    []clients.Library
	server  *process.Child
	status  worker.Status             // when the server started
	workers map[string]*process.Child // by client
	results report.Results
}

// selectLibraries selects the floor and the clients that the options name.
func (r *runner) selectLibraries() error {
	known := clients.Libraries(r.opts.Codex)
	for _, name := range r.opts.Clients {
		if !slices.ContainsFunc(known, func(l clients.Library) bool { return l.Name == name }) {
			return fmt.Errorf("unknown client %q", name)
		}
	}
	for _, l := range known {
		if len(r.opts.Clients) == 0 || l.Name == clients.Floor || slices.Contains(r.opts.Clients, l.Name) {
			r.libs = append(r.libs, l)
			r.results.Clients = append(r.results.Clients, l.Name)
		}
	}
	return nil
}

// start starts the server and a process for each client.
func (r *runner) start(ctx context.Context) (err error) {
	if r.server, err = process.Start(ctx, worker.Server); err != nil {
		return err
	}
	if r.status, err = process.Call[worker.Status](r.server, struct{}{}); err != nil {
		return err
	}
	for _, l := range r.libs {
		if r.workers[l.Name], err = process.Start(ctx, worker.Client); err != nil {
			return err
		}
	}
	return nil
}

// close ends the processes.
func (r *runner) close() error {
	var errs []error
	for _, w := range r.workers {
		if w != nil {
			errs = append(errs, w.Close())
		}
	}
	if r.server != nil {
		errs = append(errs, r.server.Close())
	}
	return errors.Join(errs...)
}

// measureRow measures one scenario with each client that takes part in it.
func (r *runner) measureRow(ctx context.Context, row *report.Row, round int) error {
	var libs []clients.Library
	for _, l := range r.libs {
		if !l.Executor || row.Scenario.Executors {
			libs = append(libs, l)
		}
	}
	for i := range libs {
		name := libs[(i+round)%len(libs)].Name
		sample, err := r.measure(ctx, row.Scenario, name)
		if err != nil {
			return fmt.Errorf("%s, %s: %w", row.Scenario.ID(), name, err)
		}
		row.Samples[name] = append(row.Samples[name], sample)
	}
	return nil
}

// measure measures one scenario with one client.
func (r *runner) measure(ctx context.Context, s *scenario.Scenario, library string) (sample measure.Sample, err error) {
	// Connections of the client before may still be closing.
	if err := r.wait(ctx, func(st *worker.Status) bool { return st.Stats.Open == 0 }); err != nil {
		return sample, fmt.Errorf("connections of the previous client stay open: %w", err)
	}
	w := r.workers[library]
	request := worker.Request{Command: worker.Open, Library: library, Scenario: s.ID(), Target: r.target(s), Calls: s.Calls}
	if r.opts.Smoke {
		request.Calls = s.Few
	}
	if _, err := process.Call[measure.Sample](w, &request); err != nil {
		return sample, err
	}
	if s.Idle {
		open := func(st *worker.Status) bool { return st.Stats.Streams == int64(request.Calls) }
		if err := r.wait(ctx, open); err != nil {
			return sample, fmt.Errorf("not all %d sessions have a stream: %w", request.Calls, err)
		}
	}
	before, err := process.Call[worker.Status](r.server, struct{}{})
	if err != nil {
		return sample, err
	}
	if sample, err = process.Call[measure.Sample](w, &worker.Request{Command: worker.Measure}); err != nil {
		return sample, err
	}
	after, err := process.Call[worker.Status](r.server, struct{}{})
	if err != nil {
		return sample, err
	}
	sample.Conns = after.Stats.Accepted - before.Stats.Accepted
	if sample.Idle != nil {
		sample.Idle.Sockets = float64(after.Stats.Open) / float64(request.Calls)
	}
	_, err = process.Call[measure.Sample](w, &worker.Request{Command: worker.Close})
	return sample, err
}

// target returns how to reach the server in a scenario.
func (r *runner) target(s *scenario.Scenario) clients.Target {
	t := clients.Target{Version: s.Version, Stream: s.Idle, Codex: r.opts.Codex}
	at := r.status.Addresses
	switch s.Network {
	case scenario.TLS:
		t.URL, t.CA = at.TLS, at.CA
	case scenario.HTTP2:
		t.URL, t.CA, t.HTTP2 = at.HTTP2, at.CA, true
	case scenario.Plain:
		t.URL = at.Plain
	}
	t.URL += s.Path()
	return t
}

// wait asks the server for its status until it is as wanted.
func (r *runner) wait(ctx context.Context, wanted func(*worker.Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		status, err := process.Call[worker.Status](r.server, struct{}{})
		if err != nil {
			return err
		}
		if wanted(&status) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server has %+v: %w", status.Stats, ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}
