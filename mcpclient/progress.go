package mcpclient

import (
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
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[int64]*call)
	}
	p.calls[c.token] = c
}

func (p *progressCalls) remove(c *call) {
	p.mu.Lock()
	delete(p.calls, c.token)
	p.mu.Unlock()
	c.telling.Lock() // a callback that runs on the standing stream's goroutine ends first
	c.progress = nil
	c.telling.Unlock()
}

func (p *progressCalls) find(token int64) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[token]
}

// routeProgress hands progress that came on the standing stream to its call.
func (s *Session) routeProgress(params []byte) {
	token, p, ok := decodeProgress(params)
	if !ok {
		return
	}
	if c := s.waiting.find(token); c != nil {
		c.Event()
		c.tell(p)
	}
}

// deliverProgress hands progress that came on the call's own stream to its
// callback. One that carries another token, or does not decode, is passed over:
// it must not cost the call its answer.
func (c *call) deliverProgress(params []byte) {
	if token, p, ok := decodeProgress(params); ok && token == c.token {
		c.tell(p)
	}
}

// tell runs the callback, one at a time and never after the call returned.
func (c *call) tell(p Progress) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if c.progress != nil {
		c.progress(c.ctx, p)
	}
}

// decodeProgress reads the parameters of a progress notification with a token of ours.
func decodeProgress(params []byte) (token int64, p Progress, ok bool) {
	cur := jsonrpc.NewCursor(params, 0)
	cur.EnterObject()
	for key, more := cur.NextKey(); more; key, more = cur.NextKey() {
		switch string(key) {
		case "progressToken":
			if cur.Kind() != jsonrpc.Number {
				return 0, p, false
			}
			token = cur.Int64()
		case "progress":
			p.Progress = cur.Float64()
		case "total":
			if !cur.TryNull() {
				p.Total, p.HasTotal = cur.Float64(), true
			}
		case "message":
			if !cur.TryNull() {
				p.Message = cur.String()
			}
		default:
			cur.Skip()
		}
	}
	return token, p, cur.Err() == nil
}
