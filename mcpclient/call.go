package mcpclient

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/timeouts"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
	"github.com/hawser-mcp/hawser/transport"
)

// call is one request of the user, over all its tries, and the receiver of
// what comes back for it. It lives on its caller's goroutine.
type call struct {
	watched

	s    *Session
	ctx  context.Context // the caller's; callbacks get it
	on   *sessionState   // for the handshake: what to send it on; nil means the session's current state
	used *sessionState   // what the last try was sent on
	// exchange is the last try's own context; see try.
	exchange context.Context
	method   string
	params   []byte // a JSON object without _meta, nil for none
	result   wire.Decoder
	cursor   jsonrpc.Cursor              // over the result while it is decoded; here so that it is not on the heap
	required *InputRequired              // what the answer to the last try asks for, instead of being the result
	inputTo  **InputRequired             // gets it, for a caller that answers by hand; nil: the result stays as it is
	unasked  *backoff.ExponentialBackOff // paces rounds in which nobody is asked
	id       int64
	tries    int
	rounds   int // of input that were given
	// authorized is how often authorization was sought; made is when the last try was.
	authorized int
	made       attempt

	maxTries int    // 0: the session's policy
	name     string // mirrored in Mcp-Name
	hasName  bool
	past     Outcome     // of the tries and rounds before the last
	last     Outcome     // of the last try
	reached  bool        // a try reached the server, whatever came of it
	began    atomic.Bool // progress of this round came on the shared stream: the server works on it

	notify     bool   // there is no answer to wait for
	response   []byte // the whole message, when it answers a request of the server
	repeatable bool   // class R of the retry table
	tryBound   bool   // each try is bounded by Timeouts.Try, not by Timeouts.Idle
	args       []byte
	tool       *toolHeaders
	onHeader   func(http.Header)
	maxReply   int64 // less than the limits allow; 0: what they allow
	callOptions

	telling chan struct{} // full while the progress callback runs: it may be called from two streams
	told    atomic.Bool   // the call is over: no callback begins
}

// do runs a call to its one outcome: a decoded result (nil) or an *Error.
func (s *Session) do(c *call) error {
	c.s, c.past, c.last = s, NotRun, NotRun
	if c.err != nil {
		return c.failure(KindInvalid, &invalidError{c.err})
	}
	if err := c.ctx.Err(); err != nil {
		return c.failure(KindCanceled, notSent(canceled(c.ctx)))
	}
	if c.total > 0 && (!c.tryBound || c.ownTotal) {
		c.Total = s.watch.In(c.total)
	}
	if c.progress != nil {
		s.waiting.add(c)
		defer s.waiting.remove(c)
	}
	for ; ; c.rounds++ {
		c.required = nil
		if err := s.repeat(c); err != nil {
			s.elicitRequired(c, err)
			return err
		}
		if c.required == nil || c.manual {
			return nil
		}
		c.past = c.past.and(Answered)
		if c.rounds == s.opts.Limits.InputRounds {
			return c.failed(verdict{kind: KindLimit}, &LimitError{What: "rounds of input", Limit: int64(c.rounds)})
		}
		if err := s.nextRound(c); err != nil {
			return err
		}
	}
}

var errEraBetweenRounds = errors.New("the server required input and then went back to a legacy revision, which cannot take it")

// try sends the call once, as the session stands now.
func (s *Session) try(c *call) error {
	if c.used = c.on; c.used == nil {
		c.used = s.now.Load()
	}
	if c.rounds > 0 && !c.used.modern() {
		return &invalidError{errEraBetweenRounds} // the answers would be lost, and the tool would begin anew
	}
	if err := c.mirror(); err != nil {
		return err
	}
	if err := s.awaitStanding(c); err != nil {
		return err
	}
	c.id = s.nextID()
	if !c.notify {
		c.Owner = c
	}
	c.made = s.attempt()
	c.setBounds()
	// The exchange has a context of its own, so that after its answer a stream
	// may be drained although the caller's context has ended.
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(c.ctx))
	if c.ctx.Done() != nil {
		stop := context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })
		defer stop()
	}
	if deadline, ok := c.ctx.Deadline(); ok {
		ctx = deadlineContext{ctx, deadline}
	}
	c.Cancel, c.exchange = cancel, ctx
	if err := s.watch.Add(&c.watched); err != nil {
		cancel(nil)
		return notSent(err)
	}
	defer s.watch.Remove(&c.watched)
	req := streamablehttp.Request{
		ID: c.id, Method: c.method, Name: c.name, HasName: c.hasName, Params: c.mirrored, Header: c.header,
		Body: c.encode(), OnHeader: c.onHeader, MaxReply: c.maxReply,
	}
	if !c.repeatable {
		req.Began = &c.began
	}
	if c.notify {
		defer cancel(nil)
		return s.conn.Notify(ctx, c.used.http, &req)
	}
	req.Cancel = cancel
	return s.conn.Call(ctx, c.used.http, &req, c)
}

// deadlineContext shows the caller's deadline to hooks and decorators; that it
// has passed, the context's end tells.
type deadlineContext struct {
	context.Context
	at time.Time
}

func (d deadlineContext) Deadline() (time.Time, bool) { return d.at, true }

// setBounds tells the watch how long this try may take.
func (c *call) setBounds() {
	c.Idle, c.Try = c.timeouts.Idle, timeouts.Deadline{}
	if !c.tryBound {
		return
	}
	c.Idle = 0
	if limit := c.timeouts.Try; limit > 0 {
		c.Try = c.s.watch.In(limit)
	}
}

// encode writes the message for this try: the id is new each time, the
// parameters are not encoded again.
func (c *call) encode() []byte {
	if c.response != nil {
		return c.response
	}
	b := make([]byte, 0, len(c.params)+len(c.input)+len(c.used.meta)+len(c.meta)+len(c.method)+160)
	b = append(b, `{"jsonrpc":"2.0"`...)
	if !c.notify {
		b = append(b, `,"id":`...)
		b = strconv.AppendInt(b, c.id, 10)
	}
	b = append(b, `,"method":`...)
	b = jsonrpc.AppendString(b, c.method)
	meta := c.used.modern() || c.token != 0 || len(c.meta) > 0
	if len(c.params) > 0 || len(c.input) > 0 || meta {
		b = append(b, `,"params":`...)
		b = c.appendParams(b, meta)
	}
	return append(b, '}')
}

// appendComma separates the next member from what an object has already.
func appendComma(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}

func (c *call) appendParams(b []byte, meta bool) []byte {
	if len(c.params) > 2 {
		b = append(b, c.params[:len(c.params)-1]...)
	} else {
		b = append(b, '{')
	}
	if len(c.input) > 0 && c.used.modern() {
		b = append(appendComma(b), c.input...)
	}
	if !meta {
		return append(b, '}')
	}
	b = appendComma(b)
	b = append(b, `"_meta":{`...)
	if c.used.modern() {
		b = append(b, c.used.meta...)
		if level := c.s.level.Load(); level != nil {
			b = append(b, `,"`+mcp.MetaKeyLogLevel+`":`...)
			b = jsonrpc.AppendString(b, string(*level))
		}
	}
	if c.token != 0 {
		b = append(appendComma(b), `"progressToken":`...)
		b = strconv.AppendInt(b, c.token, 10)
	}
	if len(c.meta) > 0 {
		b = append(appendComma(b), c.meta...)
	}
	return append(b, "}}"...)
}

// DecodeResult implements streamablehttp.Receiver.
func (c *call) DecodeResult(data []byte) (int, error) {
	c.cursor = jsonrpc.NewCursor(data, c.s.opts.Limits.Depth)
	defer func() { c.cursor = jsonrpc.Cursor{} }() // the buffer is not ours
	if c.inputTo != nil {
		*c.inputTo = nil // of the answer before
	}
	c.result.Decode(&c.cursor)
	if err := c.cursor.Err(); err != nil {
		if errors.Is(err, jsonrpc.ErrDepth) {
			err = &LimitError{What: "levels of nested JSON", Limit: int64(c.s.opts.Limits.Depth)}
		}
		return 0, publicError(err)
	}
	if c.used.modern() {
		if err := c.takeResultType(); err != nil {
			return 0, err
		}
	}
	return c.cursor.Pos(), nil
}

// Event implements streamablehttp.Receiver: the peer is alive.
func (c *call) Event() { c.s.watch.Touch(&c.watched) }

// Notification implements streamablehttp.Receiver. Progress and log messages
// of a call are delivered here, in order, before the call returns.
func (c *call) Notification(method string, params []byte) {
	switch method {
	case methodProgress:
		if c.token != 0 {
			c.deliverProgress(params)
		}
	case methodLog:
		if c.on != nil {
			c.s.enqueueLog(params) // of a handshake: there may be no session yet for the handler to use
			return
		}
		c.s.deliverLog(c.ctx, params)
	case methodCancelled:
		c.s.takeBack(c.used, params)
	default:
		c.s.enqueueNotification(method, params)
	}
}

// Request implements streamablehttp.Receiver.
func (c *call) Request(method string, id, params []byte) error {
	return c.s.serve(c.exchange, c, c.used, method, id, params)
}

// notSent marks an error that came before anything was sent.
func notSent(err error) error {
	return &transport.Error{Stage: transport.NotSent, Permanent: true, Err: err}
}
