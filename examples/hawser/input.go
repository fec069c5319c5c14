package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
)

const (
	maxLine  = 1 << 20  // of an answer, in bytes
	maxStdin = 64 << 20 // of arguments from stdin, in bytes
)

// lineReader reads lines that the user types. One goroutine owns the reader and reads only on
// demand. A question that ends early leaves its read behind, and the program ends without waiting
// for it.
type lineReader struct {
	source io.Reader
	begin  sync.Once
	want   chan struct{}
	got    chan typed

	open bool // guarded by the desk's turn: the line of a started read was not used
}

type typed struct {
	line string
	err  error
}

func newLineReader(source io.Reader) *lineReader {
	return &lineReader{source: source, want: make(chan struct{}), got: make(chan typed, 1)}
}

// read returns the next line, or io.EOF at the end. It must not be called concurrently.
func (l *lineReader) read(ctx context.Context) (string, error) {
	l.begin.Do(func() { go l.loop() })
	if l.open {
		select {
		case <-l.got: // typed for a question that had ended
			l.open = false
		default:
		}
	}
	if !l.open {
		l.want <- struct{}{}
		l.open = true
	}
	select {
	case t := <-l.got:
		l.open = false
		return t.line, t.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (l *lineReader) loop() {
	lines := bufio.NewScanner(l.source)
	lines.Buffer(nil, maxLine)
	for range l.want {
		if lines.Scan() {
			l.got <- typed{line: lines.Text()}
			continue
		}
		err := lines.Err()
		if err == nil {
			err = io.EOF
		}
		l.got <- typed{err: err}
	}
}

// close ends the goroutine once it does not wait for a line.
func (l *lineReader) close() {
	l.begin.Do(func() {}) // prevents a later start
	close(l.want)
}

// readAll reads source to its end, unless the context ends first.
func readAll(ctx context.Context, source io.Reader) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(source, maxStdin+1))
		if err == nil && len(data) > maxStdin {
			err = errors.New("more than 64 MiB")
		}
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
