// Package link carries whole messages between a client and an executor: over a
// WebSocket, over a pair of pipes, or in memory.
package link

import "errors"

// Link carries messages both ways, in order. Send is for one goroutine at a
// time, Receive for one other, Close for any.
type Link interface {
	// Send sends one message and does not keep it. An error means that the far end
	// cannot have got the whole message, unless it wraps [ErrUncertain]; the link
	// is of no use after it.
	Send(message []byte) error
	// Receive returns the next message, which is valid until the next Receive. Its
	// error is final: io.EOF when the far end ended the link between two messages,
	// one that wraps [ErrTooLarge] for a message over the link's limit.
	Receive() ([]byte, error)
	// Close ends the link at once, also a Send and a Receive in progress, without
	// waiting for the far end. It may be called more than once.
	Close() error
}

var (
	// ErrUncertain is wrapped by an error of Send after which the far end may have the whole message.
	ErrUncertain = errors.New("the message may have arrived")
	// ErrTooLarge is wrapped by an error of Receive for a message over the limit.
	ErrTooLarge = errors.New("message over the limit")
)

// keepBuffer is how large a buffer is kept for the next message, in bytes.
const keepBuffer = 4 << 20
