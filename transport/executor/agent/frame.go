package agent

import (
	"slices"
	"sync"
)

const (
	smallFrame = 8 << 10   // holds a small piece of a body, in bytes
	keepFrame  = 512 << 10 // frames up to this size in bytes are reused
)

// frame is the buffer of a message that is being sent. A link has one at a time.
type frame struct{ b []byte }

// There are two pools, so that a small message does not occupy a large buffer, which its exchange
// would have to count.
var (
	smallFrames = sync.Pool{New: func() any { return new(frame) }}
	bulkFrames  = sync.Pool{New: func() any { return new(frame) }}
)

// newFrame returns an empty frame for about size bytes.
func newFrame(size int) *frame {
	var f *frame
	switch {
	case size <= smallFrame:
		return smallFrames.Get().(*frame)
	case size <= keepFrame:
		f = bulkFrames.Get().(*frame)
	default:
		f = new(frame)
	}
	f.b = slices.Grow(f.b, size)
	return f
}

func (f *frame) free() {
	f.b = f.b[:0]
	switch {
	case cap(f.b) <= smallFrame:
		smallFrames.Put(f)
	case cap(f.b) <= keepFrame:
		bulkFrames.Put(f)
	}
}
