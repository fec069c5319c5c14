package mcpclient

import (
	"strconv"
	"sync"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Progress is one progress notification of a call.
type Progress struct {
	// Progress is the amount of work done so far, in a unit that the server chooses. Servers should
	// only increase it, but some do not.
	Progress float64
	// Total is the value of Progress at the end, if HasTotal is set.
	Total    float64
	HasTotal bool
	// Message describes the current work, "" if the server sent none.
	Message string
}

// progressCalls are the calls that wait for progress, by token. A legacy server may send progress
// on the shared stream instead of the call's own stream.
type progressCalls struct {
	mu    sync.Mutex
	calls map[int64]*call // guarded by mu
}

func (p *progressCalls) add(c *call) {
	if c.callbackSlot == nil {
		c.callbackSlot = make(chan struct{}, 1)
	}
	c.closed.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[int64]*call)
	}
	c.msg.token = c.s.tokens.Add(1)
	p.calls[c.msg.token] = c
	if c.slotTaken {
		<-c.callbackSlot
		c.slotTaken = false
	}
}

// await waits for a callback that an earlier run of the call left behind. An interceptor may start a
// call over.
func (p *progressCalls) await(c *call) error {
	if c.callbackSlot == nil || c.slotTaken {
		return nil
	}
	select {
	case c.callbackSlot <- struct{}{}:
		c.slotTaken = true
		return nil
	case <-c.s.root.Done():
		return ErrClosed
	}
}

// renew gives a call a new token. A call needs one because each try is a separate request.
func (p *progressCalls) renew(c *call) {
	if c.progress == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.calls, c.msg.token)
	c.msg.token = c.s.tokens.Add(1)
	p.calls[c.msg.token] = c
}

// remove ends the delivery of progress to a call. It waits for a callback that is still running on
// the shared stream's goroutine, unless the call's context has ended.
func (p *progressCalls) remove(c *call) {
	p.mu.Lock()
	delete(p.calls, c.msg.token)
	p.mu.Unlock()
	c.closed.Store(true)
	select {
	case c.callbackSlot <- struct{}{}:
		c.slotTaken = true
	case <-c.ctx.Done():
	case <-c.s.root.Done():
	}
}

func (p *progressCalls) find(token int64) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[token]
}

// routeProgress passes progress from the shared stream to its call. Progress proves that the server
// is working on the call, even if a later reply denies that. If the call's callback is still
// running, routeProgress drops the progress, because waiting would block other calls that use the
// stream.
func (s *Session) routeProgress(params []byte) {
	token, p, ok := decodeProgress(params)
	c := s.waiting.find(token)
	if c == nil {
		return
	}
	c.began.Store(true) // even if the rest is invalid
	if !ok {
		return
	}
	c.Event()
	select {
	case c.callbackSlot <- struct{}{}:
		c.runCallback(p)
	default:
	}
}

// deliverProgress passes progress from the call's own stream to the callback. It ignores progress
// that has another token or cannot be decoded. The call can still get its answer.
func (c *call) deliverProgress(params []byte) {
	token, p, ok := decodeProgress(params)
	if !ok || token != c.msg.token {
		return
	}
	select {
	case c.callbackSlot <- struct{}{}: // the usual case, and cheaper than waiting for two channels
		c.runCallback(p)
		return
	default:
	}
	select {
	case c.callbackSlot <- struct{}{}:
		c.runCallback(p)
	case <-c.exchange.Done():
	}
}

// runCallback runs the callback, unless the call is over. The caller must hold the callback slot.
func (c *call) runCallback(p Progress) {
	defer func() { <-c.callbackSlot }()
	if !c.closed.Load() {
		c.progress(c.ctx, p)
	}
}

// decodeProgress decodes the parameters of a progress notification. It returns token 0 if the token
// is missing or was not issued by this client. If another member is invalid, it returns the token,
// and ok is false.
func decodeProgress(params []byte) (token int64, p Progress, ok bool) {
	cur := jsonrpc.NewCursor(params, 0)
	invalid := false
	number := func() float64 {
		if cur.Kind() == jsonrpc.Number {
			return cur.Float64()
		}
		invalid = true
		cur.Skip()
		return 0
	}
	cur.EnterObject()
	for key, more := cur.NextKey(); more; key, more = cur.NextKey() {
		switch string(key) {
		case "progressToken":
			token = progressToken(cur.Skip())
		case "progress":
			p.Progress = number()
		case "total":
			if !cur.TryNull() {
				p.Total, p.HasTotal = number(), true
			}
		case "message":
			switch {
			case cur.TryNull():
			case cur.Kind() == jsonrpc.String:
				p.Message = cur.String()
			default:
				invalid = true
				cur.Skip()
			}
		default:
			cur.Skip()
		}
	}
	return token, p, !invalid && cur.Err() == nil
}

// progressToken decodes a progress token that this client issued, which is a number. It accepts the
// number's digits as a string, because some servers send that. It returns 0 for any other token.
func progressToken(raw []byte) int64 {
	if n := len(raw); n > 2 && raw[0] == '"' {
		raw = raw[1 : n-1]
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
