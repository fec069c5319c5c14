package mcpclient

import (
	"strconv"
	"sync"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Progress is one progress notification of a call.
type Progress struct {
	// Progress is how far the work is, in units of the server's choice. It
	// should grow; a server may not keep to that.
	Progress float64
	// Total is the value at the end, when HasTotal.
	Total    float64
	HasTotal bool
	// Message says what is being done, "" if the server did not.
	Message string
}

// progressCalls are the calls that wait for progress, by token: a legacy server
// may send it on the standing stream instead of the call's own.
type progressCalls struct {
	mu    sync.Mutex
	calls map[int64]*call // guarded by mu
}

func (p *progressCalls) add(c *call) {
	c.callbackSlot = make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[int64]*call)
	}
	c.msg.token = c.s.tokens.Add(1)
	p.calls[c.msg.token] = c
}

// renew gives a call that is made again, as another request, a token of its own.
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

// remove ends the telling. A callback that still runs on the standing stream's
// goroutine is waited for, unless the call's context has ended.
func (p *progressCalls) remove(c *call) {
	p.mu.Lock()
	delete(p.calls, c.msg.token)
	p.mu.Unlock()
	c.closed.Store(true)
	select {
	case c.callbackSlot <- struct{}{}:
	case <-c.ctx.Done():
	case <-c.s.root.Done():
	}
}

func (p *progressCalls) find(token int64) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[token]
}

// routeProgress hands progress that came on the standing stream to its call. It shows that the server
// works on the call, whatever the reply says. A callback that is busy is not waited for: others depend on that stream.
func (s *Session) routeProgress(params []byte) {
	token, p, ok := decodeProgress(params)
	c := s.waiting.find(token)
	if c == nil {
		return
	}
	c.began.Store(true) // even if the rest is damaged
	if !ok {
		return
	}
	c.Event()
	select {
	case c.callbackSlot <- struct{}{}:
		c.tell(p)
	default:
	}
}

// deliverProgress hands progress that came on the call's own stream to its
// callback. One that carries another token, or does not decode, is passed over:
// it must not cost the call its answer.
func (c *call) deliverProgress(params []byte) {
	token, p, ok := decodeProgress(params)
	if !ok || token != c.msg.token {
		return
	}
	select {
	case c.callbackSlot <- struct{}{}:
		c.tell(p)
	case <-c.exchange.Done():
	}
}

// tell runs the callback, whose turn the caller has taken. No callback begins after
// the call returned.
func (c *call) tell(p Progress) {
	defer func() { <-c.callbackSlot }()
	if !c.closed.Load() {
		c.progress(c.ctx, p)
	}
}

// decodeProgress reads the parameters of a progress notification with a token of ours, 0 if there is
// none. A damaged member costs the notification, but not its token.
func decodeProgress(params []byte) (token int64, p Progress, ok bool) {
	cur := jsonrpc.NewCursor(params, 0)
	damaged := false
	number := func() float64 {
		if cur.Kind() == jsonrpc.Number {
			return cur.Float64()
		}
		damaged = true
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
				damaged = true
				cur.Skip()
			}
		default:
			cur.Skip()
		}
	}
	return token, p, !damaged && cur.Err() == nil
}

// progressToken reads a token of ours: a number, or its digits as a string, which is how some servers
// return it.
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
