package executor

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

var (
	// ErrLinkLost is wrapped by an exchange's error if the link to the executor ended before the
	// exchange.
	ErrLinkLost = errors.New("link to the executor lost")
	// ErrOverflow is wrapped by the error of a body on a shared link if the caller reads it too
	// slowly: the unread bytes exceed [Options.Buffer] or [Options.BufferAll].
	ErrOverflow = errors.New("body not read in time: the buffer of a shared link is full")
	// ErrTooLarge is wrapped if a request does not fit into one message to an executor.
	ErrTooLarge = errors.New("request too large for an executor")
	// ErrSilent is wrapped if an executor does not answer in time.
	ErrSilent = errors.New("the executor does not answer")
)

// ExecutorError is an error that an executor sent instead of a response. Message is the executor's
// text, without URL queries and control characters.
type ExecutorError struct { //nolint:revive // it is the executor's error, as RefusedError and ProtocolError are not
	Code    int64 // JSON-RPC code: −32602 if the executor refused the parameters, −32603 if the request failed
	Message string
}

// Error returns the message with its code.
func (e *ExecutorError) Error() string {
	return fmt.Sprintf("the executor failed: %s (%d)", e.Message, e.Code)
}

// RefusedError reports that the far end refused the link, because the token is wrong or because the
// far end is not an executor.
type RefusedError struct {
	Status int    // HTTP status of the WebSocket handshake; 0 if the link was refused later
	Text   string // the beginning of the far end's text, without control characters
}

// Error returns the status and the text.
func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the executor refused the link: " + e.Text
	}
	if e.Text == "" {
		return fmt.Sprintf("link refused with status %d", e.Status)
	}
	return fmt.Sprintf("link refused with status %d: %s", e.Status, e.Text)
}

// ProtocolError reports that the executor violated the protocol.
type ProtocolError struct{ What string }

// Error returns a text that names the violation.
func (e *ProtocolError) Error() string { return "the executor violated the protocol: " + e.What }

// lost returns the error of a lost link. It wraps [ErrLinkLost] and err, the cause.
func lost(err error) error {
	var breach *ProtocolError
	switch {
	case errors.Is(err, transport.ErrClosed):
		return err
	case errors.As(err, &breach), errors.Is(err, ErrSilent):
		return fmt.Errorf("%w: %w", ErrLinkLost, err)
	case errors.Is(err, link.ErrTooLarge):
		return fmt.Errorf("%w: %w", ErrLinkLost, &ProtocolError{What: err.Error()})
	}
	return fmt.Errorf("%w: %w", ErrLinkLost, transport.Failed(0, "", err).Err)
}
