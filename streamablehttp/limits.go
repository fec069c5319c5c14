package streamablehttp

import "time"

// Limits on the memory and the time that a server can cost the client. The doc comments of
// [Config], [Limits] and the errors give the numbers that users need.
const (
	// defaultMaxBody bounds a JSON reply, in bytes.
	defaultMaxBody = 64 << 20
	// defaultMaxEvent bounds one event of a stream, in bytes.
	defaultMaxEvent = 64 << 20
	// maxErrorBody bounds the part of an error reply that is read, in bytes.
	maxErrorBody = 64 << 10
	// previewLimit bounds Preview fields, lineLimit the part of a preview in an error text, in
	// bytes.
	previewLimit = 2 << 10
	lineLimit    = 200
	// errorBodyTime bounds the wait for the body of an error reply, whose status is already known.
	errorBodyTime = 5 * time.Second
	// maxSessionID bounds a session ID, in bytes. Common servers accept no longer headers.
	maxSessionID = 8 << 10
	// maxRetryAfter clamps a Retry-After header.
	maxRetryAfter = 60 * time.Second
	// maxRedirects bounds the redirects of one request.
	maxRedirects = 3

	// maxRetry clamps the reconnection time that a stream requests.
	maxRetry = 60 * time.Second
	// maxCursor bounds the event ID sent back in a header, in bytes. A stream with a longer one
	// cannot be resumed.
	maxCursor = 4 << 10
	// resumeTries bounds the failed tries in a row to resume a stream.
	resumeTries = 4
	// resumeInitial is the first wait before a cut stream is resumed, unless the server set one.
	resumeInitial = 250 * time.Millisecond

	// drainLimit and drainTime bound the part of a stream that is read after its answer, so that
	// its connection can be reused.
	drainLimit = 64 << 10
	drainTime  = 50 * time.Millisecond
)

// Limits bounds the size of a reply. A reply over a limit fails with a [*LimitError]. Zero means
// the default, negative means no limit.
type Limits struct {
	// MaxBody bounds a JSON reply, in bytes after decompression. The default is 64 MiB.
	MaxBody int64
	// MaxEvent bounds one event of a stream, in bytes. The default is 64 MiB.
	MaxEvent int
}

const unlimited = 1<<63 - 1

func (l Limits) body() int64 {
	switch {
	case l.MaxBody < 0:
		return unlimited
	case l.MaxBody == 0:
		return defaultMaxBody
	}
	return l.MaxBody
}

func (l Limits) event() int {
	switch {
	case l.MaxEvent < 0:
		return int(^uint(0) >> 1)
	case l.MaxEvent == 0:
		return defaultMaxEvent
	}
	return l.MaxEvent
}

// within lowers each limit to at most size. A size of zero changes nothing.
func (l Limits) within(size int64) Limits {
	if size <= 0 {
		return l
	}
	return Limits{MaxBody: min(l.body(), size), MaxEvent: int(min(int64(l.event()), size))}
}
