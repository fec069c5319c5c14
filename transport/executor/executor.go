package executor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/goroutines"
	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/pacing"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// Transport is a [transport.Transport] over an executor. [Dial], [Command], [Open] and [New] return
// one; the zero value cannot be used. Its methods may be called concurrently.
type Transport struct {
	printed

	opts    Options
	stats   counters
	fromEnv []envHeader
	dial    func(ctx context.Context) (Link, error) // nil if there is a single link
	links   links
	pace    pacer
	ids     atomic.Int64 // last message ID; IDs continue when a link is replaced

	closing context.Context // ends with Close
	end     context.CancelCauseFunc
	owned   goroutines.Group
}

func newTransport(opts *Options) (*Transport, error) {
	t := &Transport{printed: redact.NewPrinted("executor.Transport"), opts: opts.withDefaults()}
	for _, f := range t.opts.HeadersFromEnv {
		h, err := f.parse()
		if err != nil {
			return nil, err
		}
		t.fromEnv = append(t.fromEnv, h)
	}
	t.closing, t.end = context.WithCancelCause(context.Background())
	return t, nil
}

// Open returns a Transport over links that dial makes. dial may be called concurrently. The context
// passed to dial bounds only the dial; a link stays open until it is closed. Open makes the first
// link, so it returns configuration errors at once. ctx bounds only the call of Open.
func Open(ctx context.Context, dial func(context.Context) (Link, error), opts *Options) (*Transport, error) {
	t, err := newTransport(opts)
	if err != nil {
		return nil, err
	}
	return t.start(ctx, dial)
}

func (t *Transport) start(ctx context.Context, dial func(context.Context) (Link, error)) (*Transport, error) {
	t.dial = dial
	if t.opts.Shared {
		t.links = newShared(t.open)
	} else {
		t.links = newPool(t.open, t.owned.Go, &t.opts)
	}
	c, err := t.links.acquire(ctx, new(waiter))
	if err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("executor: %w", err)
	}
	t.links.headed()
	c.unused()
	return t, nil
}

// New returns a Transport over the single link l, which all exchanges share. The Transport owns the
// link, and closes it even if New fails. If the link is lost, the Transport no longer works.
func New(ctx context.Context, l Link, opts *Options) (*Transport, error) {
	t, err := newTransport(opts)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	t.opts.Shared = true
	s := newShared(nil)
	t.links = s
	ctx, end := t.handshakeTime(ctx)
	defer end()
	c, err := t.connect(ctx, l, s)
	if err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("executor: %w", err)
	}
	t.dialed(ctx, c)
	s.use(c)
	return t, nil
}

// RunsOnce returns true, see [transport.RunsOnce].
func (t *Transport) RunsOnce() bool { return true }

// RoundTrip implements [http.RoundTripper]. See package transport for the contract.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.closing.Err() != nil {
		closeBody(req)
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "round trip", Err: transport.ErrClosed}
	}
	c, err := t.newCall(req)
	if err != nil {
		return nil, err
	}
	var began time.Time // time of the first failed try
	for {
		now := time.Now()
		resp, again, err := t.try(c)
		if !again {
			return resp, err
		}
		if errors.Is(err, ErrLinkLost) {
			now = time.Now() // the exchange had a link, so the time spent waiting for it does not count
		}
		if began.IsZero() {
			began = later(now, c.waiter.failing) // nor the time before the link was dialed
		}
		if time.Since(began)+t.pace.pause() >= t.opts.Reconnect {
			return nil, err
		}
	}
}

// try runs the exchange on one link. again is true if no link carried the request.
func (t *Transport) try(c *call) (resp *http.Response, again bool, err error) {
	ctx := c.req.Context()
	id := t.ids.Add(1)
	frame, err := c.frame(id)
	if err != nil {
		return nil, false, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "send request", Err: err}
	}
	if c.waiter.turn == 0 {
		c.waiter.turn = id
	}
	l, err := t.links.acquire(ctx, &c.waiter)
	if err != nil {
		freeFrame(frame)
		return nil, !transport.IsPermanent(err) && ctx.Err() == nil, err
	}
	defer t.links.headed()
	e := &exchange{id: id, req: c.req, wake: make(chan struct{}, 1)}
	if c.fromEnv && !l.env.HeaderEnvVars {
		freeFrame(frame)
		l.unused()
		return nil, false, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "send request", Err: errNoEnvHeaders}
	}
	if !l.begin(e, frame) {
		freeFrame(frame)
		return nil, true, t.lostEarly(l)
	}
	e.watch(ctx, t.opts.HeaderTimeout)
	l.push()
	head, err := e.wait()
	if err == nil {
		return head.http(e), false, nil
	}
	again = errors.Is(err, ErrLinkLost) && transport.StageOf(err) == transport.NotSent
	if again && l.begun() == 1 {
		t.pace.failed() // pause before the next dial: the executor may close each new link
	}
	return nil, again, err
}

// lostEarly returns the error of an exchange that could not begin.
func (t *Transport) lostEarly(l *conn) error {
	cause := l.cause()
	if l.begun() == 0 {
		t.pace.failed()
	}
	if cause == nil {
		cause = lost(errUnused)
	}
	return &transport.Error{Stage: transport.NotSent, Permanent: errors.Is(cause, transport.ErrClosed), Op: "round trip", Err: cause}
}

// open makes a link for owner o, after the pause between dials.
func (t *Transport) open(ctx context.Context, o owner) (*conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.closing, func() { cancel(transport.ErrClosed) })()
	if t.opts.Reconnect > 0 {
		if err := pacing.Sleep(ctx, t.pace.pause()); err != nil {
			return nil, t.openFailed(ctx, err)
		}
	}
	began := time.Now()
	ctx, end := t.handshakeTime(ctx)
	defer end()
	l, err := t.dial(ctx)
	if err != nil {
		return nil, t.openFailed(ctx, err)
	}
	c, err := t.connect(ctx, l, o)
	if err != nil {
		return nil, err
	}
	if err := t.awaitWarm(c); err != nil {
		return nil, t.openFailed(ctx, err)
	}
	c.took = time.Since(began)
	t.pace.succeeded()
	t.dialed(ctx, c)
	return c, nil
}

// handshakeTime returns a context that bounds the dial of a link together with its handshake.
func (t *Transport) handshakeTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.opts.HandshakeTimeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, t.opts.HandshakeTimeout, fmt.Errorf("%w: no link after %v", ErrSilent, t.opts.HandshakeTimeout))
}

// openFailed returns the error of an exchange for which no link could be opened.
func (t *Transport) openFailed(ctx context.Context, err error) error {
	const op = "connect to the executor"
	if t.closing.Err() != nil {
		return &transport.Error{Stage: transport.NotSent, Permanent: true, Op: op, Err: transport.ErrClosed}
	}
	silent := errors.Is(context.Cause(ctx), ErrSilent)
	if ctx.Err() != nil && !silent {
		return transport.Canceled(ctx, transport.NotSent, op)
	}
	t.pace.failed()
	failed := transport.Failed(transport.NotSent, op, err)
	var refused *RefusedError
	var own *transport.Error
	switch {
	case silent:
		failed = &transport.Error{Stage: transport.NotSent, Op: op, Err: context.Cause(ctx)}
	case errors.As(err, &refused):
		failed.Permanent = refused.permanent()
	case errors.As(err, &own):
		failed.Permanent = own.Permanent
	}
	t.dialFailed(ctx, failed)
	return failed
}

// connect performs the handshake on the new link l and starts the goroutines of the link.
func (t *Transport) connect(ctx context.Context, l Link, o owner) (*conn, error) {
	env, err := t.handshake(ctx, l)
	if err != nil {
		_ = l.Close()
		return nil, t.openFailed(ctx, err)
	}
	if p, ok := l.(interface{ Prompt() }); ok && env.HTTPReady {
		p.Prompt() // our agent sends without Nagle's algorithm
	}
	c := newConn(l, env, o, &t.opts, &t.stats)
	t.queueWarmUp(c)
	work := []func(){c.read, c.write}
	if p, ok := l.(pinger); ok && t.opts.KeepAlive > 0 {
		work = append(work, func() { c.keepAlive(p) })
	}
	for _, f := range work {
		if !t.owned.Go(f) {
			_ = l.Close()
			return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "connect to the executor", Err: transport.ErrClosed}
		}
	}
	t.opts.Logger.Debug("link to an executor opened", "version", transport.Scrub(env.Version))
	return c, nil
}

// handshake performs the handshake on l, on the caller's goroutine. It returns the executor's
// environment.
func (t *Transport) handshake(ctx context.Context, l Link) (env execproto.Environment, err error) {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	id := t.ids.Add(1)
	if err := t.greet(l, execproto.AppendInitialize(nil, id, t.opts.ClientName)); err != nil {
		return env, err
	}
	var m execproto.Message
	for {
		data, err := l.Receive()
		if err != nil {
			return env, err
		}
		t.stats.bytesIn.Add(int64(len(data)))
		if err = m.Read(data); err != nil {
			return env, &ProtocolError{What: "invalid response to the handshake: " + err.Error()}
		}
		got, ok := m.ID()
		switch {
		case m.Kind == execproto.Failure && ok && (got == id || got == execproto.NobodysID):
			return env, &RefusedError{Text: transport.Scrub(m.Error.Message)}
		case m.Kind == execproto.Result && ok && got == id:
			if env, err = execproto.ReadEnvironment(m.Result); err != nil {
				return env, &ProtocolError{What: "invalid response to the handshake: " + err.Error()}
			}
			return env, t.greet(l, []byte(execproto.Initialized))
		}
	}
}

// greet sends a message of the handshake.
func (t *Transport) greet(l Link, message []byte) error {
	err := l.Send(message)
	if err == nil {
		t.stats.bytesOut.Add(int64(len(message)))
	}
	return err
}

// permanent reports whether the next try would also be refused.
func (e *RefusedError) permanent() bool {
	return e.Status == 0 || !httpstatus.Of(e.Status).Transient() // 0: refused after the WebSocket handshake
}

// Close ends every link and all exchanges at once. It waits up to 5 s for the goroutines of this
// Transport to end. It always returns nil and may be called more than once.
func (t *Transport) Close() error {
	t.end(transport.ErrClosed)
	if t.links != nil {
		t.links.close(transport.ErrClosed)
	}
	limit, stop := context.WithTimeout(context.Background(), closeLimit)
	defer stop()
	_ = t.owned.Wait(limit) // any goroutine that is left waits for a method of the user's Link
	return nil
}

// pacer delays dials to an executor that cannot be reached. All exchanges share it. The zero value
// is ready to use.
type pacer struct {
	mu      sync.Mutex
	growing *backoff.ExponentialBackOff // guarded by mu
	due     time.Time                   // guarded by mu; time of the next dial
}

// failed delays the next dial. Concurrent failures count as one.
func (p *pacer) failed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.due) {
		return
	}
	if p.growing == nil {
		p.growing = pacing.Exponential(reconnectFirst, 2, reconnectMost)
	}
	p.due = now.Add(p.growing.NextBackOff())
}

// succeeded removes the delay of the next dial.
func (p *pacer) succeeded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.growing, p.due = nil, time.Time{}
}

// pause returns how long to wait before the next dial.
func (p *pacer) pause() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(0, time.Until(p.due))
}

// Dial returns a Transport over the executor at rawURL, "ws://host:port" or "wss://host:port". It
// opens the first link, so it returns an error at once if the address or the token is wrong. ctx
// bounds only the call of Dial. opts may be nil.
//
// A ws link is not encrypted: the token is sent in clear text. Use ws only on loopback or in a
// trusted network.
func Dial(ctx context.Context, rawURL string, opts *Options) (*Transport, error) {
	if err := checkURL(rawURL); err != nil {
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "executor", Err: err}
	}
	t, err := newTransport(opts)
	if err != nil {
		return nil, err
	}
	dialer := &link.Dialer{NetDial: t.opts.DialContext, TLS: t.opts.TLS, MaxMessage: t.opts.MaxMessage}
	return t.start(ctx, func(ctx context.Context) (Link, error) {
		header := make(http.Header)
		token, err := t.opts.token(ctx)
		if err != nil {
			return nil, fmt.Errorf("token for the executor: %w", err)
		}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		l, err := dialer.Dial(ctx, rawURL, header)
		var refused *link.RefusedError
		if errors.As(err, &refused) {
			text := redact.Mask(refused.Text, []string{token})
			return nil, &RefusedError{Status: refused.Status, Text: transport.Scrub(text)}
		}
		if err != nil {
			return nil, err
		}
		return l, nil
	})
}

func (o *Options) token(ctx context.Context) (string, error) {
	if o.TokenFunc != nil {
		return o.TokenFunc(ctx)
	}
	return o.Token, nil
}

func checkURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return errors.New("invalid URL") // err would quote it
	case u.Scheme != "ws" && u.Scheme != "wss":
		return errors.New("the URL must begin with ws:// or wss://")
	case u.Host == "":
		return errors.New("the URL must have a host")
	case u.User != nil:
		return errors.New("the URL must not hold a user name or password: use Options.Token")
	}
	return nil
}
