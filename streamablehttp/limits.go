package streamablehttp

import "time"

// The limits of what a server may make the client hold or wait for. Zero
// fields of [Limits] mean these.
const (
	// DefaultMaxBody bounds a JSON reply: 64 MiB.
	DefaultMaxBody = 64 << 20
	// DefaultMaxEvent bounds one event of a stream: 64 MiB.
	DefaultMaxEvent = 64 << 20
	// MaxErrorBody bounds what is read of a reply that is an error: 64 KiB.
	MaxErrorBody = 64 << 10
	// MaxRetry bounds the reconnection time that a stream may ask for; larger values are clamped.
	MaxRetry = 60 * time.Second
	// MaxRetryAfter bounds a Retry-After header; larger values are clamped.
	MaxRetryAfter = 60 * time.Second
	// MaxRedirects bounds how many redirects one request follows.
	MaxRedirects = 3
	// ReconnectCeiling bounds the backoff between attempts to resume a stream.
	ReconnectCeiling = 30 * time.Second

	// previewLimit bounds Preview fields.
	previewLimit = 2 << 10
	// errorBodyTime bounds how long the body of an error reply is waited for: its status is known already.
	errorBodyTime = 5 * time.Second
	// drainLimit and drainTime bound what is read of a stream after its answer, so that its connection can be reused.
	drainLimit = 64 << 10
	drainTime  = 50 * time.Millisecond
	// maxCursor bounds the event id that is sent back in a header; one that is longer cannot be resumed from.
	maxCursor = 4 << 10
	// resumeTries bounds the attempts in a row to resume a stream that bring nothing.
	resumeTries = 4
	// resumeInitial is the first wait before a cut stream is resumed, unless the server said how long.
	resumeInitial = 250 * time.Millisecond
)

// Limits bounds what a reply may take. Zero means the default, negative means no limit.
type Limits struct {
	// MaxBody is the largest JSON reply in bytes, after decompression.
	MaxBody int64
	// MaxEvent is the largest event of a stream in bytes.
	MaxEvent int
}

const unlimited = 1<<63 - 1

func (l Limits) body() int64 {
	switch {
	case l.MaxBody < 0:
		return unlimited
	case l.MaxBody == 0:
		return DefaultMaxBody
	}
	return l.MaxBody
}

func (l Limits) event() int {
	switch {
	case l.MaxEvent < 0:
		return int(^uint(0) >> 1)
	case l.MaxEvent == 0:
		return DefaultMaxEvent
	}
	return l.MaxEvent
}

// within returns the limits with each lowered to size, if it is larger. Zero lowers none.
func (l Limits) within(size int64) Limits {
	if size <= 0 {
		return l
	}
	return Limits{MaxBody: min(l.body(), size), MaxEvent: int(min(int64(l.event()), size))}
}
