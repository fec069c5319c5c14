package mcpclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// maxURLElicitations bounds how many URL elicitations the session remembers until they are
// complete.
const maxURLElicitations = 1024

// urlElicitations holds the IDs of the URL elicitations that the user is being asked about or has
// consented to, and that are not complete yet.
type urlElicitations struct {
	mu  sync.Mutex
	ids []string // guarded by mu; the oldest is dropped first
}

// add adds an ID. It returns false if the ID is empty or already known.
func (e *urlElicitations) add(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id == "" || slices.Contains(e.ids, id) {
		return false
	}
	if len(e.ids) == maxURLElicitations {
		e.ids = slices.Delete(e.ids, 0, 1)
	}
	e.ids = append(e.ids, id)
	return true
}

// remove removes an ID and reports whether it was known.
func (e *urlElicitations) remove(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.Index(e.ids, id)
	if i < 0 {
		return false
	}
	e.ids = slices.Delete(e.ids, i, i+1)
	return true
}

// elicitationComplete handles the notification that a URL elicitation is complete (2025-11-25,
// "Completion Notifications for URL Mode Elicitation"). It ignores IDs that are unknown or already
// complete.
func (s *Session) elicitationComplete(params []byte) {
	id := stringMember(params, "elicitationId")
	if id == "" || !s.urls.remove(id) {
		return
	}
	if h := s.opts.Handlers.ElicitationComplete; h != nil {
		s.enqueueReceive(methodElicitationComplete, params, func(ctx context.Context, params json.RawMessage) {
			h(ctx, s, stringMember(params, "elicitationId"))
		})
	}
}

// maxRequired bounds how many URL elicitations one error may require.
const maxRequired = 16

// RequiredElicitations returns the URLs that the user must visit before a call that failed with err
// can succeed. err must wrap a legacy server's error with [CodeURLElicitationRequired]; for any
// other err, both results are nil. The returned error reports elicitations that are not safe to
// show.
//
// Before the call returned, it already passed the URLs to [Handlers].ElicitURL. Repeat the call
// when the user has finished.
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
		requests []*URLRequest
		unsafe   error
	)
	for _, params := range data.Elicitations {
		_, request, err := decodeElicitation(params, legacyVersion)
		if request != nil {
			requests = append(requests, request)
			continue
		}
		if err == nil {
			err = errMode
		}
		unsafe = errors.Join(unsafe, err)
	}
	return requests, unsafe
}

// elicitURL runs the handler for a URL elicitation. The server may report completion before the
// handler returns, so elicitURL records the ID first. If the user does not consent, elicitURL
// removes the ID.
func (s *Session) elicitURL(ctx context.Context, r *URLRequest) (*mcp.ElicitationResult, error) {
	consent := false
	if s.urls.add(r.ElicitationID) {
		defer func() {
			if !consent {
				s.urls.remove(r.ElicitationID)
			}
		}()
	}
	res, err := s.opts.Handlers.ElicitURL(ctx, s, r)
	consent = err == nil && res != nil && res.Action == mcp.ElicitationResponseActionAccept
	return res, err
}

// elicitRequired asks the user about the URL elicitations that an error requires, one at a time,
// and stops when the user does not consent.
func (s *Session) elicitRequired(c *call, err error) {
	if s.opts.Handlers.ElicitURL == nil || c.state == nil || c.state.modern() {
		return
	}
	requests, unsafe := RequiredElicitations(err)
	if unsafe != nil {
		s.log.Warn("a required URL elicitation was not shown", "error", unsafe)
	}
	ctx, cancel := c.bounded()
	defer cancel()
	for _, r := range requests {
		if !s.consents(ctx, c.state.version, r) {
			return
		}
	}
}

// consents asks the user about one URL and reports whether the user consented.
func (s *Session) consents(parent context.Context, version string, r *URLRequest) bool {
	ask, err := s.prepare(methodElicit, r.Raw, version)
	if err != nil {
		return false
	}
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
		s.handle(ctx, ask, func(answer json.RawMessage, _ error) {
			done <- stringMember(answer, "action") == string(mcp.ElicitationResponseActionAccept)
		})
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

// stringMember returns a string member of an object, "" if there is none.
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
