package mcptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Error codes of JSON-RPC errors that the server sends.
const (
	CodeInvalidRequest     = -32600
	CodeMethodNotFound     = -32601
	CodeInvalidParams      = -32602
	CodeInternal           = -32603
	CodeBadRequest         = -32000 // as servers use it for an unknown session
	CodeSessionNotFound    = -32001
	CodeHeaderMismatch     = -32020
	CodeUnsupportedVersion = -32022
)

// Message is one JSON-RPC message of the client.
type Message struct {
	ID     json.RawMessage `json:"id"` // nil if absent
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *Error          `json:"error"`
}

// IsRequest reports whether the message is a request.
func (m *Message) IsRequest() bool { return m.Method != "" && m.ID != nil }

// IsResponse reports whether the message is a response to a server request.
func (m *Message) IsResponse() bool { return m.Method == "" && m.ID != nil }

// Error is a JSON-RPC error. If a [ToolFunc] returns a *Error, the server sends it unchanged.
type Error struct {
	Code    int64  `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

// Error returns the code and the message.
func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Message) }

// Result encodes a successful response with this id.
func Result(id json.RawMessage, result any) []byte {
	return encode(map[string]any{"jsonrpc": "2.0", "id": orNull(id), "result": result})
}

// ErrorResponse encodes an error response with this id; nil means null.
func ErrorResponse(id json.RawMessage, e *Error) []byte {
	return encode(map[string]any{"jsonrpc": "2.0", "id": orNull(id), "error": e})
}

// response encodes a response: e, or the result if e is nil.
func response(id json.RawMessage, result any, e *Error) []byte {
	if e != nil {
		return ErrorResponse(id, e)
	}
	return Result(id, result)
}

// Notification encodes a notification. It omits nil params.
func Notification(method string, params any) []byte {
	m := map[string]any{"jsonrpc": "2.0", "method": method}
	if params != nil {
		m["params"] = params
	}
	return encode(m)
}

func orNull(id json.RawMessage) json.RawMessage {
	if id == nil {
		return json.RawMessage("null")
	}
	return id
}

// encode encodes v as JSON. It panics if v cannot be encoded, because then the test is wrong.
func encode(v any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // keeps raw values such as a requestState unchanged
	if err := enc.Encode(v); err != nil {
		panic(fmt.Sprintf("mcptest: %v", err))
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// WriteJSON sends a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// WriteError sends an HTTP status and a JSON-RPC error as its body.
func WriteError(w http.ResponseWriter, status int, id json.RawMessage, code int64, text string) {
	WriteJSON(w, status, ErrorResponse(id, &Error{Code: code, Message: text}))
}

// StartSSE sends the header of an event stream immediately.
func StartSSE(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
}

// WriteRaw writes a part of a stream and flushes it.
func WriteRaw(w http.ResponseWriter, text string) {
	_, _ = w.Write([]byte(text))
	w.(http.Flusher).Flush()
}

// parse reads a body that must contain exactly one message.
func parse(body []byte) (*Message, error) {
	var m Message
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if dec.More() {
		return nil, errors.New("more than one message")
	}
	return &m, nil
}
