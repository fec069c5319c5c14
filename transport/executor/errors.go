package executor

import (
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/transport"
)

var (
	// ErrLinkLost is wrapped when the link to the executor ended under an exchange.
	ErrLinkLost = errors.New("link to the executor lost")
	// ErrOverflow is wrapped by the error of a body that was not read while more of
	// it came over a shared link than [Options.Buffer] or [Options.BufferAll] allow.
	ErrOverflow = errors.New("body not read in time: the buffer of a shared link is full")
	// ErrTooLarge is wrapped when a request is too large for one message to an executor.
	ErrTooLarge = errors.New("request too large for an executor")
	// ErrSilent is wrapped when an executor did not answer in time.
	ErrSilent = errors.New("the executor does not answer")
)

// ExecutorError is what an executor said instead of a response. Message is its
// own text, without queries of URLs.
type ExecutorError struct { //nolint:revive // it is the executor's error, as RefusedError and ProtocolError are not
	Code    int64 // a code of JSON-RPC: −32602 for parameters it refuses, −32603 for a request that failed
	Message string
}

// Error returns the message with its code.
func (e *ExecutorError) Error() string {
	return fmt.Sprintf("the executor failed: %s (%d)", e.Message, e.Code)
}

// RefusedError is an executor's, or somebody else's, refusal of a link: a wrong
// token, or no executor at all.
type RefusedError struct {
	Status int    // of the WebSocket handshake; 0 when the refusal came later
	Text   string // the beginning of what was said
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

// ProtocolError is a breach of the protocol by the executor.
type ProtocolError struct{ What string }

// Error says what was wrong.
func (e *ProtocolError) Error() string { return "the executor broke the protocol: " + e.What }

// lost is the end of a link, with its cause.
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
