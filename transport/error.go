package transport

import (
	"cmp"
	"errors"
	"strings"
)

// Stage says how far a request got. The zero value is [MaybeSent], which is always safe to assume.
type Stage uint8

const (
	// MaybeSent means that the server may have received the request and acted on it.
	MaybeSent Stage = iota
	// NotSent means that no part of the request can have reached the server.
	NotSent
	// Answered means that the server's whole response was read. Only the session above the
	// transport sets it. To a transport, any response is a success, whatever its status.
	Answered
)

var stageNames = map[Stage]string{NotSent: "not sent", Answered: "answered"}

// String returns the stage in words, for error texts and logs.
func (s Stage) String() string { return cmp.Or(stageNames[s], "maybe sent") }

// ErrClosed is wrapped by the error of a RoundTrip on a closed transport.
var ErrClosed = errors.New("transport closed")

// Error is the error of a RoundTrip, or of a Read from its response's body.
type Error struct {
	// Stage says how far the request got.
	Stage Stage
	// Permanent reports that a retry of the same request cannot succeed: the transport is closed,
	// the URL is invalid, the host does not exist, TLS verification failed, or a policy refused the
	// request.
	Permanent bool
	// Op is the operation that failed, in two or three words: "dial", "read body".
	Op string
	// Err is the cause.
	Err error
}

// Error returns "op: cause (stage)". It omits a stage that the cause already names.
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
	if !e.Permanent && strings.Contains(b.String(), "("+e.Stage.String()+")") {
		return b.String()
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

// StageOf returns how far the request that failed with err got. If err does not wrap an [*Error],
// StageOf returns [MaybeSent].
func StageOf(err error) Stage {
	var e *Error
	if errors.As(err, &e) {
		return e.Stage
	}
	return MaybeSent
}

// IsPermanent reports whether err says that a retry cannot succeed.
func IsPermanent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent
}
