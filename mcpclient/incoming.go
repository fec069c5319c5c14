package mcpclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/fileroot"
)

// Incoming is a server request or a notification on its way to its handler. An interceptor may use
// it until it returns, on one goroutine at a time.
type Incoming struct {
	s            *Session
	method       string
	params       json.RawMessage
	changed      bool // SetParams was called
	notification bool
	next         func(ctx context.Context) (json.RawMessage, error)
}

// Method returns the JSON-RPC method.
func (in *Incoming) Method() string { return in.method }

// Notification reports whether the message is a notification.
func (in *Incoming) Notification() bool { return in.notification }

// Endpoint returns the URL of the server without its query.
func (in *Incoming) Endpoint() string { return in.s.Endpoint() }

// Params returns the parameters as received, nil for a message without parameters. Do not change
// them.
func (in *Incoming) Params() json.RawMessage { return in.params }

// SetParams replaces the parameters that the handler receives. They are decoded like the server's. A
// request whose new parameters are invalid fails.
func (in *Incoming) SetParams(params json.RawMessage) {
	in.params, in.changed = bytes.Clone(params), true
}

// handledRequest is a server request that has a handler.
type handledRequest struct {
	// answer calls the handler and encodes its answer.
	answer answerer
	// declined returns the answer for a user who declined; nil if the request has no such answer.
	declined func() (json.RawMessage, error)
	// check checks an answer that an interceptor changed, and encodes it again.
	check func(answer json.RawMessage) (json.RawMessage, error)
}

// prepare decodes a server request of either era and finds its handler. The returned answerer runs
// the interceptors and keeps a reference to params. The error is a *refusal.
func (s *Session) prepare(method string, params json.RawMessage, version string) (answerer, error) {
	asked, err := s.findHandler(method, params, version)
	if err != nil || s.incoming == nil {
		return asked.answer, err
	}
	return func(ctx context.Context) (json.RawMessage, error) {
		var given json.RawMessage // the handler's answer
		in := &Incoming{s: s, method: method, params: params}
		in.next = func(ctx context.Context) (answer json.RawMessage, err error) {
			handler := asked.answer
			if in.changed {
				again, err := s.findHandler(method, in.params, version)
				if err != nil { // not a refusal: the server's parameters are valid
					return nil, fmt.Errorf("parameters that an interceptor set: %s", err.Error())
				}
				handler = again.answer
			}
			answer, err = handler(ctx)
			given = bytes.Clone(answer)
			return answer, err
		}
		answer, err := s.incoming(ctx, in)
		switch {
		case errors.Is(err, ErrRejected) && asked.declined != nil:
			return asked.declined()
		case err != nil:
			return nil, err
		case answer == nil:
			return nil, errNoReply
		case in.changed || !bytes.Equal(answer, given):
			return asked.check(answer)
		}
		return answer, nil
	}, nil
}

// checkElicitation checks the answer to an elicitation that an interceptor changed.
func (s *Session) checkElicitation(form *FormRequest, answer json.RawMessage) (json.RawMessage, error) {
	var res struct {
		Meta    *mcp.Meta                     `json:"_meta"`
		Action  mcp.ElicitationResponseAction `json:"action"`
		Content json.RawMessage               `json:"content"`
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		return nil, err
	}
	filled := &mcp.ElicitationResult{Result: mcp.Result{Meta: res.Meta}}
	if filled.Action = res.Action; res.Content != nil {
		filled.Content = res.Content
	}
	return s.encodeElicitation(form, filled, nil)
}

// checkSample checks the answer to a sampling request that an interceptor changed.
func (r *SampleRequest) checkSample(answer json.RawMessage, version string) (json.RawMessage, error) {
	var res struct {
		Meta       *mcp.Meta       `json:"_meta"`
		Role       mcp.Role        `json:"role"`
		Content    json.RawMessage `json:"content"`
		Model      string          `json:"model"`
		StopReason string          `json:"stopReason"`
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		return nil, err
	}
	out := &mcp.CreateMessageResult{Result: mcp.Result{Meta: res.Meta}, Model: res.Model, StopReason: res.StopReason}
	if out.Role = res.Role; res.Content != nil {
		out.Content = res.Content
	}
	return r.encodeResult(out, version)
}

// checkRoots checks the answer to a request for roots that an interceptor changed.
func checkRoots(answer json.RawMessage) (json.RawMessage, error) {
	var res struct {
		Roots []mcp.Root `json:"roots"`
	}
	if err := json.Unmarshal(answer, &res); err != nil {
		return nil, err
	}
	return encodeRoots(res.Roots)
}

func encodeRoots(roots []mcp.Root) (json.RawMessage, error) {
	if err := fileroot.Check(roots); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"roots": append([]mcp.Root{}, roots...)})
}

// receive passes a notification through the interceptors to its handler. For a notification without
// parameters, params may be nil.
func (s *Session) receive(ctx context.Context, method string, params json.RawMessage, handler func(ctx context.Context, params json.RawMessage)) {
	if s.incoming == nil {
		handler(ctx, params)
		return
	}
	in := &Incoming{s: s, method: method, params: params, notification: true}
	in.next = func(ctx context.Context) (json.RawMessage, error) {
		handler(ctx, in.params)
		return nil, nil
	}
	if _, err := s.incoming(ctx, in); err != nil {
		s.log.Debug("an interceptor failed for a notification", "method", method, "error", brief(err))
	}
}

// enqueueReceive queues what receive does, for a notification that belongs to no call. A panic does
// not end the program.
func (s *Session) enqueueReceive(method string, params []byte, handler func(ctx context.Context, params json.RawMessage)) {
	kept := append(json.RawMessage(nil), params...)
	s.enqueue(len(method)+len(kept), func() { s.receiveGuarded(method, kept, handler) })
}

func (s *Session) receiveGuarded(method string, params json.RawMessage, handler func(ctx context.Context, params json.RawMessage)) {
	if s.incoming != nil {
		defer func() {
			if v := recover(); v != nil {
				_ = s.interceptorPanicked(v) // logged
			}
		}()
	}
	s.receive(s.root, method, params, handler)
}
