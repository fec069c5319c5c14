package mcpclient

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/fileroot"
)

// answerer calls the handler of one server request and encodes its answer.
type answerer func(ctx context.Context) (json.RawMessage, error)

// refusal is why no handler is called for a server request: the server must not send it, or its
// parameters are invalid. The server receives the text of a refusal.
type refusal struct {
	code   int64
	reason string
}

func (e *refusal) Error() string { return e.reason }

// codeInvalidRequest answers a request that came at the wrong time (JSON-RPC 2.0, section 5.1).
const codeInvalidRequest = -32600

// errTooEarly refuses a request during the handshake: there is no session for a handler to use.
var errTooEarly = &refusal{codeInvalidRequest, "the session is not initialized yet"}

// maxRefusal bounds the text of a refusal, in bytes.
const maxRefusal = 256

func badParams(err error) *refusal {
	text := err.Error()
	return &refusal{code: CodeInvalidParams, reason: strings.ToValidUTF8(text[:min(len(text), maxRefusal)], "")}
}

// findHandler decodes a server request of either era and finds its handler. The result keeps a
// reference to params. The error is a *refusal.
func (s *Session) findHandler(method string, params json.RawMessage, version string) (r handledRequest, err error) {
	h := &s.opts.Handlers
	switch {
	case s.now.Load() == nil:
		return r, errTooEarly
	case method == methodElicit && (h.ElicitForm != nil || h.ElicitURL != nil):
		return s.prepareElicitation(params, version)
	case method == methodSample && (h.Sample != nil || h.SampleWithTools != nil):
		return s.prepareSample(params, version)
	case method == methodListRoots && h.Roots != nil:
		return handledRequest{answer: s.answerRoots, check: checkRoots}, nil
	}
	return r, &refusal{CodeMethodNotFound, fmt.Sprintf("this client does not support %q", method[:min(len(method), maxRequestMethod)])}
}

func (s *Session) prepareElicitation(params json.RawMessage, version string) (r handledRequest, err error) {
	form, link, err := decodeElicitation(params, version)
	if err != nil {
		return r, badParams(err)
	}
	h := &s.opts.Handlers
	switch {
	case form != nil && h.ElicitForm != nil:
		r.answer = func(ctx context.Context) (json.RawMessage, error) {
			res, err := h.ElicitForm(ctx, s, form)
			return s.encodeElicitation(form, res, err)
		}
	case link != nil && h.ElicitURL != nil:
		r.answer = func(ctx context.Context) (json.RawMessage, error) {
			res, err := s.elicitURL(ctx, link)
			return s.encodeElicitation(nil, res, err)
		}
	default:
		return r, badParams(errMode)
	}
	r.declined = func() (json.RawMessage, error) { return s.encodeElicitation(form, nil, ErrRejected) }
	r.check = func(answer json.RawMessage) (json.RawMessage, error) { return s.checkElicitation(form, answer) }
	return r, nil
}

var (
	errMode    = errors.New("this client did not declare this mode of elicitation")
	errNoTools = errors.New("this client did not declare sampling with tools")
	errNoReply = errors.New("the handler returned neither an answer nor an error")
)

// encodeElicitation encodes the result of an elicitation. If the content does not match the form,
// the result is sent as cancelled. Only an accepted form has content (2026-07-28, "Elicitation",
// "Response Actions").
func (s *Session) encodeElicitation(form *FormRequest, res *mcp.ElicitationResult, err error) (json.RawMessage, error) {
	switch {
	case errors.Is(err, ErrRejected):
		res = DeclineElicitation()
	case err != nil:
		return nil, err
	case res == nil:
		return nil, errNoReply
	}
	out := struct {
		Meta    *mcp.Meta                     `json:"_meta,omitempty"`
		Action  mcp.ElicitationResponseAction `json:"action"`
		Content json.RawMessage               `json:"content,omitempty"`
	}{Meta: res.Meta, Action: res.Action}
	switch res.Action {
	case mcp.ElicitationResponseActionAccept:
		if form == nil {
			break
		}
		content, err := form.content(res.Content)
		if err != nil {
			s.log.Warn("accepted form not sent: its content does not match the schema", "error", err)
			out.Action, content = mcp.ElicitationResponseActionCancel, nil
		}
		out.Content = content
	case mcp.ElicitationResponseActionDecline, mcp.ElicitationResponseActionCancel:
	default:
		return nil, fmt.Errorf("the handler returned the unknown action %q", string(res.Action))
	}
	return json.Marshal(out)
}

// content validates filled, the values that the user entered into the form, and encodes it. If
// filled is nil, content uses the form's default values.
func (r *FormRequest) content(filled any) (json.RawMessage, error) {
	data, err := json.Marshal(filled)
	if err != nil {
		return nil, err
	}
	if string(data) == "null" {
		if data, err = json.Marshal(r.Form.Defaults()); err != nil {
			return nil, err
		}
	}
	return data, r.Form.Validate(json.RawMessage(data))
}

func (s *Session) prepareSample(params json.RawMessage, version string) (handledRequest, error) {
	r, err := decodeSample(params)
	if err != nil {
		return handledRequest{}, badParams(err)
	}
	h := &s.opts.Handlers
	handler := h.Sample
	if r.wantsTools() || handler == nil {
		handler = h.SampleWithTools
	}
	if handler == nil {
		return handledRequest{}, badParams(errNoTools)
	}
	answer := func(ctx context.Context) (json.RawMessage, error) {
		res, err := handler(ctx, s, r)
		switch {
		case err != nil:
			return nil, err
		case res == nil:
			return nil, errNoReply
		}
		return r.encodeResult(res, version)
	}
	check := func(answer json.RawMessage) (json.RawMessage, error) { return r.checkSample(answer, version) }
	return handledRequest{answer: answer, check: check}, nil
}

func (s *Session) answerRoots(ctx context.Context) (json.RawMessage, error) {
	roots, err := s.opts.Handlers.Roots(ctx, s)
	if err != nil {
		return nil, err
	}
	return encodeRoots(roots)
}

// PanicError is the error of a server request whose handler panicked, or of a message of the session
// itself whose [Interceptor] panicked.
type PanicError struct {
	// Value is the value of the panic.
	Value any
	// Stack is the stack trace of its goroutine.
	Stack []byte

	who string // "" means a handler
}

// Error returns a text that includes the value of the panic.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s panicked: %v", cmp.Or(e.who, "a handler"), e.Value)
}

// errGone is the error of a handler that called runtime.Goexit.
var errGone = errors.New("the handler ended its goroutine")

// handle runs a handler and delivers its answer or error, even if the handler panics or ends its
// goroutine.
func (s *Session) handle(ctx context.Context, call answerer, deliver func(answer json.RawMessage, err error)) {
	var answer json.RawMessage
	err := errGone
	defer func() {
		if v := recover(); v != nil {
			stack := debug.Stack()
			answer, err = nil, &PanicError{Value: v, Stack: stack}
			s.log.Error("a handler panicked", "value", fmt.Sprint(v), "stack", string(stack))
		}
		deliver(answer, err)
	}()
	answer, err = call(ctx)
}

// FileRoot returns the root for a file or directory on this machine. The root has the path's file
// URI (RFC 8089), and its name is the last element of the path. A relative path is made absolute;
// symbolic links are kept.
//
// It returns an error that wraps the reason if nothing exists at the path. It also fails for
// Windows shares and for paths with control characters.
func FileRoot(path string) (mcp.Root, error) { return fileroot.New(path) }

// RootsChanged notifies the server that the result of [Handlers].Roots has changed. Modern servers
// request the roots whenever they need them, so RootsChanged sends them nothing.
func (s *Session) RootsChanged(ctx context.Context) error {
	switch {
	case s.opts.Handlers.Roots == nil:
		return invalid(methodRootsChanged, errors.New("Handlers.Roots is not set"))
	case s.now.Load().modern():
		return nil
	}
	return s.newPosting(ctx, nil, message{method: methodRootsChanged}).do()
}
