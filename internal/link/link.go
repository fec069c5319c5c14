// Package link carries whole messages between a client and an executor, over a WebSocket, over a
// pair of pipes, or in memory.
package link

import "errors"

// Link carries messages in both directions, in order. One goroutine at a time may call Send, and
// one at a time may call Receive. Any goroutine may call Close.
type Link interface {
	// Send sends one message and does not keep it. After an error the link can no longer be used,
	// and the far end cannot have the whole message, unless the error wraps [ErrUncertain].
	Send(message []byte) error
	// Receive returns the next message, which is valid until the next Receive. An error is final.
	// It is io.EOF if the far end closed the link between two messages. It wraps [ErrTooLarge] for
	// a message over the limit.
	Receive() ([]byte, error)
	// Close ends the link at once, including a Send and a Receive in progress, without waiting for
	// the far end. It may be called more than once.
	Close() error
}

// Batcher is a Link that can send several small messages with one write, which costs both ends much
// less than one write each.
type Batcher interface {
	// SendAll does what calls of Send would do.
	SendAll(messages ...[]byte) error
}

var (
	// ErrUncertain is wrapped by an error of Send after which the far end may have the whole
	// message.
	ErrUncertain = errors.New("the message may have arrived")
	// ErrTooLarge is wrapped by an error of Receive for a message over the limit.
	ErrTooLarge = errors.New("message over the limit")
)

// keepBuffer is the size in bytes up to which a buffer is kept for the next message.
const keepBuffer = 4 << 20
