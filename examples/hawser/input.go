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

// lineReader reads lines that a person types. One goroutine owns the reader,
// and reads only what was asked for: a question that ends leaves its read
// behind, and the end of the program waits for nobody's Enter.
type lineReader struct {
	source io.Reader
	begin  sync.Once
	want   chan struct{}
	got    chan typed

	open bool // guarded by the desk's turn: a read was begun whose line nobody took
}

type typed struct {
	line string
	err  error
}

func newLineReader(source io.Reader) *lineReader {
	return &lineReader{source: source, want: make(chan struct{}), got: make(chan typed, 1)}
}

// read returns the next line, io.EOF when there is none. Only one at a time may read.
func (l *lineReader) read(ctx context.Context) (string, error) {
	l.begin.Do(func() { go l.loop() })
	if l.open {
		select {
		case <-l.got: // typed for a question that was gone
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

// close ends the goroutine as soon as it does not wait for a line.
func (l *lineReader) close() {
	l.begin.Do(func() {}) // no start after this
	close(l.want)
}

// readAll reads everything, unless the context ends first.
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
