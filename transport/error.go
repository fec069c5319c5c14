package transport

import (
	"errors"
	"strings"
)

// Stage says how far a request got. The zero value is [MaybeSent], the only
// one that is safe to assume.
type Stage uint8

const (
	// MaybeSent means that the server may have seen the request and may have acted on it.
	MaybeSent Stage = iota
	// NotSent means that nothing of the request can have reached the server.
	NotSent
	// Answered means that the server's whole verdict was read. It is set above
	// the seam only: below it, a response is a response, whatever its status.
	Answered
)

// String returns the stage in words, for error texts and logs.
func (s Stage) String() string {
	switch s {
	case NotSent:
		return "not sent"
	case Answered:
		return "answered"
	default:
		return "maybe sent"
	}
}

// ErrClosed is wrapped by the error of a RoundTrip on a closed transport.
var ErrClosed = errors.New("transport closed")

// Error is how a RoundTrip, or a Read of its response's body, fails.
type Error struct {
	// Stage says how far the request got.
	Stage Stage
	// Permanent says that trying the same request again cannot help: the
	// transport is closed, the URL is bad, the host does not exist, TLS
	// verification failed, a policy refused it.
	Permanent bool
	// Op is what was being done, in two or three words: "dial", "read body".
	Op string
	// Err is the cause.
	Err error
}

// Error returns "op: cause (stage)".
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op)
		b.WriteString(": ")
	}
	if e.Err != nil {
		b.WriteString(e.Err.Error())
	} else {
		b.WriteString("failed")
	}
	b.WriteString(" (")
	b.WriteString(e.Stage.String())
	if e.Permanent {
		b.WriteString(", permanent")
	}
	b.WriteString(")")
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// StageOf returns how far the request of err got. An error that is not, and
// does not wrap, an [*Error] comes from a foreign RoundTripper: [MaybeSent].
func StageOf(err error) Stage {
	var e *Error
	if errors.As(err, &e) {
		return e.Stage
	}
	return MaybeSent
}

// IsPermanent reports whether err says that trying again cannot help.
func IsPermanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}
