package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxVisits bounds how many pages are remembered of which the server may tell
// that they are done.
const maxVisits = 1024

// visits are the elicitations in URL mode that a person is asked about or
// consented to, and that are not known to be complete.
type visits struct {
	mu    sync.Mutex
	open  map[string]struct{} // guarded by mu; by elicitation id
	order []string            // guarded by mu; the oldest is forgotten first
}

// add notes an elicitation; false if it has no name, or was there.
func (v *visits) add(id string) bool {
	if id == "" {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, there := v.open[id]; there {
		return false
	}
	if v.open == nil {
		v.open = make(map[string]struct{})
	}
	if len(v.order) == maxVisits {
		delete(v.open, v.order[0])
		v.order = v.order[1:]
	}
	v.open[id] = struct{}{}
	v.order = append(v.order, id)
	return true
}

// end reports whether an elicitation was open, which it no longer is.
func (v *visits) end(id string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, there := v.open[id]; !there {
		return false
	}
	delete(v.open, id)
	for i := range v.order {
		if v.order[i] == id {
			v.order = append(v.order[:i:i], v.order[i+1:]...)
			break
		}
	}
	return true
}

// elicitationComplete takes the notification that a page is done (2025-11-25,
// "Completion Notifications for URL Mode Elicitation"). Unknown and finished ids are ignored.
func (s *Session) elicitationComplete(params []byte) {
	if id := stringMember(params, "elicitationId"); id != "" && s.pages.end(id) {
		s.enqueue(event{kind: eventElicited, params: json.RawMessage(id)})
	}
}

// maxRequired bounds how many pages one error sends a person to.
const maxRequired = 16

// RequiredElicitations returns the pages that a person must visit before the call that
// ended with err can be made again: err is the answer of a legacy server with
// [CodeURLElicitationRequired]. Of those that are not safe to visit, an error
// tells. Nil and nil if err is something else.
//
// A call asks [Handlers].ElicitURL about them before it returns such an error.
// Making the call again is the caller's, once the pages are done with.
func RequiredElicitations(err error) ([]*URLRequest, error) {
	var rpc *RPCError
	if !errors.As(err, &rpc) || rpc.Code != CodeURLElicitationRequired {
		return nil, nil
	}
	var data struct {
		Elicitations []json.RawMessage `json:"elicitations"`
	}
	if err := json.Unmarshal(rpc.Data, &data); err != nil {
		return nil, fmt.Errorf("data of error %d: %w", rpc.Code, err)
	}
	if len(data.Elicitations) > maxRequired {
		return nil, &LimitError{What: "elicitations in an error", Limit: maxRequired}
	}
	var (
		pages  []*URLRequest
		unsafe error
	)
	for _, params := range data.Elicitations {
		_, page, err := decodeElicitation(params, legacyVersion)
		if page != nil {
			pages = append(pages, page)
			continue
		}
		if err == nil {
			err = errMode
		}
		unsafe = errors.Join(unsafe, err)
	}
	return pages, unsafe
}

// askPage asks a person to visit a page. The server may tell that it is done
// before the handler has: a page may be quicker.
func (s *Session) askPage(ctx context.Context, page *URLRequest) (*mcp.ElicitationResult, error) {
	consent := false
	if s.pages.add(page.ElicitationID) {
		defer func() {
			if !consent {
				s.pages.end(page.ElicitationID)
			}
		}()
	}
	res, err := s.opts.Handlers.ElicitURL(ctx, s, page)
	consent = err == nil && res != nil && res.Action == mcp.ElicitationResponseActionAccept
	return res, err
}

// visitPages asks a person to visit what an error demands, page after page,
// until one is not consented to.
func (s *Session) visitPages(c *call, err error) {
	if s.opts.Handlers.ElicitURL == nil || c.on != nil || c.used == nil || c.used.modern() {
		return
	}
	pages, unsafe := RequiredElicitations(err)
	if unsafe != nil {
		s.log.Warn("a page that the server wants visited was not shown", "error", unsafe)
	}
	ctx, cancel := c.bounded()
	defer cancel()
	for _, page := range pages {
		if !s.visit(ctx, page) {
			return
		}
	}
}

// visit asks about one page and reports whether a person consented.
func (s *Session) visit(parent context.Context, page *URLRequest) bool {
	ctx, cancel := handlerContext(parent)
	own := s.slotsFor(parent)
	if own.take(ctx, s.root) != nil {
		cancel(nil)
		return false
	}
	done := make(chan bool, 1)
	if !s.owned.start(func() {
		defer own.give()
		defer cancel(nil)
		consent := false
		s.put(ctx, func(ctx context.Context) (json.RawMessage, error) {
			res, err := s.askPage(ctx, page)
			consent = err == nil && res != nil && res.Action == mcp.ElicitationResponseActionAccept
			return nil, err
		}, func(json.RawMessage, error) { done <- consent })
	}) {
		own.give()
		cancel(nil)
		return false
	}
	select {
	case consent := <-done:
		return consent
	case <-parent.Done():
	case <-s.root.Done():
	}
	cancel(nil)
	return false
}

// stringMember reads one string of an object, "" if it is not there.
func stringMember(params []byte, name string) (value string) {
	cur := jsonrpc.NewCursor(params, 0)
	cur.EnterObject()
	for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
		if string(key) == name {
			value = cur.String()
		} else {
			cur.Skip()
		}
	}
	if cur.Err() != nil {
		return ""
	}
	return value
}
