package loopback

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/oauth"
)

// paste reads addresses that the user enters, until one ends the login.
func (v *visit) paste(read func(context.Context) (string, error), tell *console) {
	for {
		line, err := read(v.running)
		if err != nil {
			if v.running.Err() == nil && !errors.Is(err, io.EOF) {
				tell.sayf("Cannot read any more input: %v.\n", err)
			}
			return
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		query, ok := v.queryOf(line)
		if !ok {
			tell.sayf("This is not the address. It begins with %s? and is longer: please enter all of it.\n", v.redirect)
			continue
		}
		_, err = v.complete(v.running, query, false)
		if !errors.Is(err, oauth.ErrForeignCallback) {
			return
		}
		tell.sayf("This address belongs to another login. Please enter the address of this login.\n")
	}
}

// queryOf returns the query of an address. ok is false if the address is not a callback of this
// login.
func (v *visit) queryOf(address string) (string, bool) {
	if !strings.Contains(address, "://") {
		address = "http://" + address // some browsers copy an address without its scheme
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != v.redirect.Scheme || !v.isHost(u.Host) || u.Path != v.redirect.Path || u.RawQuery == "" {
		return "", false
	}
	return u.RawQuery, true
}

// maxLine is the longest line that is read, in bytes. No address is that long.
const maxLine = 64 << 10

// Lines returns a function for Login.Paste that reads from r line by line, one call at a time. A
// Read cannot be canceled: if one is waiting when a login ends, it continues to wait, and its line
// goes to the next login. Nothing else should read from r, such as the standard input, unless the
// process ends with the login.
func Lines(r io.Reader) func(ctx context.Context) (string, error) {
	l := &lines{r: bufio.NewReaderSize(r, maxLine)}
	return l.next
}

type lines struct {
	r *bufio.Reader // used only by the goroutine that reads

	mu      sync.Mutex
	reading chan line // guarded by mu: nil when no line is awaited
}

type line struct {
	text string
	err  error
}

func (l *lines) next(ctx context.Context) (string, error) {
	l.mu.Lock()
	coming := l.reading
	if coming == nil {
		coming = make(chan line, 1)
		l.reading = coming
		go func() { coming <- l.read() }()
	}
	l.mu.Unlock()
	select {
	case got := <-coming:
		l.mu.Lock()
		l.reading = nil
		l.mu.Unlock()
		return got.text, got.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// read returns a line, or the beginning of a line that is too long.
func (l *lines) read() line {
	text, err := l.r.ReadSlice('\n')
	if len(text) > 0 {
		err = nil // the next call reports it
	}
	return line{string(text), err}
}
