package peer

import (
	"bytes"
	"sync"
)

// log holds what a program has printed so far. It is safe for concurrent use.
type log struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{} // closed and replaced when text grows
}

func newLog() *log {
	return &log{changed: make(chan struct{})}
}

// Write implements [io.Writer].
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(p)
}

// read returns the text so far, and a channel that is closed when the program prints more.
func (l *log) read() (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.changed
}
