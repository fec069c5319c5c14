package link

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Lines is a Link over a pair of byte streams, such as the pipes of a child
// process: one message a line (newline-delimited JSON), blank lines are passed over.
type Lines struct {
	in   io.ReadCloser
	out  io.WriteCloser
	r    *bufio.Reader
	max  int
	line []byte // a line longer than the reader's buffer
	w    []byte
	end  sync.Once
}

// NewLines returns the Link that reads from in and writes to out, whose received
// messages may have maxMessage bytes. Close closes both; for the promises of
// [Link] that must end a Read and a Write in progress, as it does on pipes.
func NewLines(in io.ReadCloser, out io.WriteCloser, maxMessage int) *Lines {
	return &Lines{in: in, out: out, r: bufio.NewReaderSize(in, readBuffer), max: maxMessage}
}

// Send writes one line.
func (l *Lines) Send(message []byte) error {
	if len(message) < writeBuffer {
		l.w = append(append(l.w[:0], message...), '\n')
		n, err := l.out.Write(l.w)
		if err != nil && n >= len(message) {
			return errors.Join(ErrUncertain, err) // a last line counts without its end
		}
		return err
	}
	if _, err := l.out.Write(message); err != nil {
		return err
	}
	if _, err := l.out.Write([]byte{'\n'}); err != nil {
		return errors.Join(ErrUncertain, err)
	}
	return nil
}

// Receive reads one line.
func (l *Lines) Receive() ([]byte, error) {
	for {
		line, err := l.readLine()
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil // an error comes again
		}
		if err != nil {
			return nil, err
		}
	}
}

func (l *Lines) readLine() ([]byte, error) {
	part, err := l.r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return part, err
	}
	if cap(l.line) > keepBuffer {
		l.line = nil
	}
	l.line = append(l.line[:0], part...)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(l.line) > l.max {
			return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, l.max)
		}
		part, err = l.r.ReadSlice('\n')
		l.line = append(l.line, part...)
	}
	if len(bytes.TrimRight(l.line, "\r\n")) > l.max {
		return nil, fmt.Errorf("%w of %d bytes", ErrTooLarge, l.max)
	}
	return l.line, err
}

// Close closes both streams.
func (l *Lines) Close() error {
	var err error
	l.end.Do(func() { err = errors.Join(l.out.Close(), l.in.Close()) })
	return err
}
