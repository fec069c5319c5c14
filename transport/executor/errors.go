package executor

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

var (
	// ErrLinkLost is wrapped by an exchange's error if the link to the executor ended first.
	ErrLinkLost = errors.New("link to the executor lost")
	// ErrOverflow is wrapped by the error of a body on a shared link that was not read in time:
	// more of it arrived than [Options.Buffer] or [Options.BufferAll] allows.
	ErrOverflow = errors.New("body not read in time: the buffer of a shared link is full")
	// ErrTooLarge is wrapped if a request is too large for one message to an executor.
	ErrTooLarge = errors.New("request too large for an executor")
	// ErrSilent is wrapped if an executor does not answer in time.
	ErrSilent = errors.New("the executor does not answer")
)

// ExecutorError is an error that an executor sent instead of a response. Message is its text,
// without URL queries and control characters.
type ExecutorError struct { //nolint:revive // it is the executor's error, as RefusedError and ProtocolError are not
	Code    int64 // JSON-RPC code: −32602 for refused parameters, −32603 for a request that failed
	Message string
}

// Error returns the message with its code.
func (e *ExecutorError) Error() string {
	return fmt.Sprintf("the executor failed: %s (%d)", e.Message, e.Code)
}

// RefusedError says that the far end refused the link: the token is wrong, or the far end is not an
// executor.
type RefusedError struct {
	Status int    // HTTP status of the WebSocket handshake; 0 if the link was refused later
	Text   string // the beginning of the far end's text, without control characters
}

// Error returns status and text.
func (e *RefusedError) Error() string {
	if e.Status == 0 {
		return "the executor refused the link: " + e.Text
	}
	if e.Text == "" {
		return fmt.Sprintf("link refused with status %d", e.Status)
	}
	return fmt.Sprintf("link refused with status %d: %s", e.Status, e.Text)
}

// ProtocolError says that the executor violated the protocol.
type ProtocolError struct{ What string }

// Error returns what was wrong.
func (e *ProtocolError) Error() string { return "the executor violated the protocol: " + e.What }

// lost returns the error of a lost link with its cause.
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
