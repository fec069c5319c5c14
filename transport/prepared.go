package transport

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"time"
)

// prepared is an exchange in its role as the context of a request that was made for it. A context
// of its own would cost an allocation.
type prepared exchange

type preparedKey struct{}

// Deadline implements context.Context.
func (p *prepared) Deadline() (time.Time, bool) { return p.parent.Deadline() }

// Done implements context.Context.
func (p *prepared) Done() <-chan struct{} { return p.parent.Done() }

// Err implements context.Context.
func (p *prepared) Err() error { return p.parent.Err() }

// Value implements context.Context.
func (p *prepared) Value(key any) any {
	if key == (preparedKey{}) {
		return (*exchange)(p)
	}
	return p.parent.Value(key)
}

// Prepare returns the context for one request with a body from memory, which the caller passes to
// RoundTrip of d once, and to nothing else. In return for these promises, RoundTrip sends that
// request itself and not a copy. RoundTrip may change the request, but not its header, which other
// requests may use at the same time. Prepare returns nil if requests cannot be prepared. package
// streamablehttp uses it when it has no decorator between itself and d.
func (d *direct) Prepare(ctx context.Context) context.Context {
	if d.custom || guardOf(ctx) != nil {
		return nil
	}
	e := &exchange{d: d, parent: ctx}
	e.trace.GotConn = e.got
	return httptrace.WithClientTrace((*prepared)(e), &e.trace)
}

// exchangeOf returns the exchange that the request was prepared for, else a new one.
func (d *direct) exchangeOf(req *http.Request) *exchange {
	e, _ := req.Context().Value(preparedKey{}).(*exchange)
	if e == nil || e.d != d || e.req != nil || req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {
		return &exchange{d: d, req: req}
	}
	e.req, e.ready = req, true
	return e
}
