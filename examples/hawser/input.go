package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"sync"
)

const (
	maxLine  = 1 << 20  // of one typed line, in bytes
	maxStdin = 64 << 20 // of arguments from stdin, in bytes
)

// lineReader reads lines that the user types. One goroutine owns the source and reads only on
// demand. If a question ends before the user types a line, the pending read serves the next
// question. The program exits without waiting for a pending read.
type lineReader struct {
	source io.Reader
	begin  sync.Once
	want   chan struct{}
	got    chan typed

	open bool // guarded by the desk's turn: a read was started and its line is not yet used
}

type typed struct {
	line string
	err  error
}

func newLineReader(source io.Reader) *lineReader {
	return &lineReader{source: source, want: make(chan struct{}), got: make(chan typed, 1)}
}

// read returns the next line, or io.EOF at the end of input. It must not be called concurrently.
func (l *lineReader) read(ctx context.Context) (string, error) {
	l.begin.Do(func() { go l.loop() })
	if l.open {
		select {
		case <-l.got: // typed after the previous question ended
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

// close ends the goroutine after any pending read.
func (l *lineReader) close() {
	l.begin.Do(func() {}) // no goroutine starts after close
	close(l.want)
}

// readAll reads source to its end. It returns early if the context ends.
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
