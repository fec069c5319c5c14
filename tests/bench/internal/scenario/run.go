package scenario

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/tests/bench/internal/clients"
	"github.com/hawser-mcp/hawser/tests/bench/internal/measure"
)

// Run is a scenario that is ready to be measured with a client.
type Run struct {
	scenario *Scenario
	target   *clients.Target
	client   clients.Client
	session  clients.Session // nil if the scenario opens sessions itself
	calls    int

	idle   []clients.Session
	before measure.Held // what the process held before the idle sessions
}

// Open connects, lists the tools as agents do, and makes some calls, so that connections and pools
// are warm. For idle sessions, it opens all of them. The caller closes the Run.
func Open(ctx context.Context, s *Scenario, lib *clients.Library, t *clients.Target, calls int) (*Run, error) {
	c, err := lib.Open(ctx, t)
	if err != nil {
		return nil, err
	}
	r := &Run{scenario: s, target: t, client: c, calls: calls}
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Run) prepare(ctx context.Context) error {
	switch s := r.scenario; {
	case s.Idle:
		return r.openIdle(ctx)
	case s.Connect:
		return r.visit(ctx)
	default:
		session, err := r.target.Connect(ctx, r.client)
		if err != nil {
			return err
		}
		r.session = session
		if s.Tool != nil {
			if err := session.List(ctx, 20); err != nil {
				return err
			}
		}
		_, err = r.make(ctx, max(2*s.Callers, r.calls/10))
		return err
	}
}

// Measure makes the calls and measures them. For idle sessions, it measures what they hold.
func (r *Run) Measure(ctx context.Context) (measure.Sample, error) {
	if r.scenario.Idle {
		return measure.Sample{Calls: len(r.idle), Idle: measure.Hold().Since(r.before, len(r.idle))}, nil
	}
	work := newTimings(r.calls)
	meter, err := measure.Start()
	if err != nil {
		return measure.Sample{}, err
	}
	err = r.makeTimed(ctx, work)
	sample, stopErr := meter.Stop()
	sample.Calls, sample.Latencies, sample.Late = r.calls, work.latencies, work.late
	return sample, errors.Join(err, stopErr)
}

// Close closes the sessions and the client.
func (r *Run) Close() error {
	var errs []error
	if r.session != nil {
		errs = append(errs, r.session.Close())
	}
	for _, s := range r.idle {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.client.Close())...)
}

// timings are the durations of calls.
type timings struct {
	latencies []time.Duration
	late      int // progress notifications that arrived late
}

func newTimings(calls int) *timings { return &timings{latencies: make([]time.Duration, calls)} }

// make makes calls without keeping their timings.
func (r *Run) make(ctx context.Context, calls int) (*timings, error) {
	t := newTimings(calls)
	return t, r.makeTimed(ctx, t)
}

// makeTimed makes one call for each place in t. The callers of the scenario share them.
func (r *Run) makeTimed(ctx context.Context, t *timings) error {
	callers := min(r.scenario.Callers, len(t.latencies))
	if callers == 1 {
		late, err := r.caller(ctx, t.latencies)
		t.late = late
		return err
	}
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		part := t.latencies[i*len(t.latencies)/callers : (i+1)*len(t.latencies)/callers]
		group.Go(func() { _, errs[i] = r.caller(ctx, part) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// caller makes one call after the other and stores their durations.
func (r *Run) caller(ctx context.Context, latencies []time.Duration) (late int, err error) {
	for i := range latencies {
		start := time.Now()
		n, err := r.call(ctx)
		if err != nil {
			return late, err
		}
		latencies[i] = time.Since(start)
		late += n
	}
	return late, nil
}

// call does once what the scenario measures.
func (r *Run) call(ctx context.Context) (late int, err error) {
	switch s := r.scenario; {
	case s.Connect:
		return 0, r.visit(ctx)
	case s.Tools > 0:
		return 0, r.session.List(ctx, s.Tools)
	default:
		return r.session.Call(ctx, s.Tool)
	}
}

// visit connects, lists the tools and closes the session.
func (r *Run) visit(ctx context.Context) error {
	s, err := r.target.Connect(ctx, r.client)
	if err != nil {
		return err
	}
	return errors.Join(s.List(ctx, 20), s.Close())
}

// openIdle opens the idle sessions. One session before them pays for what all of them share.
func (r *Run) openIdle(ctx context.Context) error {
	if err := r.visit(ctx); err != nil {
		return err
	}
	r.before = measure.Hold()
	for i := range r.calls {
		s, err := r.target.Connect(ctx, r.client)
		if err != nil {
			return fmt.Errorf("session %d: %w", i+1, err)
		}
		r.idle = append(r.idle, s)
	}
	return nil
}
