package loopback

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net/url"
	"strings"
	"sync"

	"github.com/hawser-mcp/hawser/oauth"
)

// paste reads the addresses that the user enters until the login ends or read fails.
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

// queryOf returns the query of an address. ok is false if the address does not match the redirect
// URI or has no query.
func (v *visit) queryOf(address string) (string, bool) {
	if !strings.Contains(address, "://") {
		address = "http://" + address // some browsers copy an address without its scheme
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != v.redirect.Scheme || !v.isHost(u.Host) || cmp.Or(u.Path, "/") != v.path || u.RawQuery == "" {
		return "", false
	}
	return u.RawQuery, true
}

// maxLine is the maximum length of a line, in bytes. Real addresses are shorter.
const maxLine = 64 << 10

// Lines returns a function for Login.Paste that reads from r line by line, one call at a time. A
// Read cannot be canceled: if a login ends during a Read, the Read continues, and its line goes to
// the next login. Unless the process ends after the login, nothing else should read from r.
func Lines(r io.Reader) func(ctx context.Context) (string, error) {
	l := &lines{r: bufio.NewReaderSize(r, maxLine)}
	return l.next
}

type lines struct {
	r *bufio.Reader // used only by the goroutine that calls read

	mu      sync.Mutex
	reading chan line // guarded by mu: receives the line being read; nil if no read is in progress
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

// read returns the next line. It returns a line longer than maxLine in parts.
func (l *lines) read() line {
	text, err := l.r.ReadSlice('\n')
	if len(text) > 0 {
		err = nil // the next call reports it
	}
	return line{string(text), err}
}
