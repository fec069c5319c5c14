package link

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Lines is a Link over a pair of byte streams, such as the pipes of a child process, with one
// message per line (newline-delimited JSON). Blank lines are ignored.
type Lines struct {
	in   io.ReadCloser
	out  io.WriteCloser
	r    *bufio.Reader
	max  int
	line []byte // buffer for a line that is longer than the reader's buffer
	err  error  // the error of Receive, which is final
	w    []byte
	end  sync.Once
}

// NewLines returns a Link that reads from in and writes to out. maxMessage bounds received
// messages, in bytes. Close closes both streams. To keep the contract of [Link], closing a stream
// must end a Read or Write in progress, as it does on pipes.
func NewLines(in io.ReadCloser, out io.WriteCloser, maxMessage int) *Lines {
	return &Lines{in: in, out: out, r: bufio.NewReaderSize(in, readBuffer), max: maxMessage}
}

// Send writes one line.
func (l *Lines) Send(message []byte) error {
	if len(message) < writeBuffer {
		l.w = append(append(l.w[:0], message...), '\n')
		n, err := l.out.Write(l.w)
		return sent(n, len(message), err)
	}
	n, err := l.out.Write(message)
	if err == nil {
		_, err = l.out.Write([]byte{'\n'})
	}
	return sent(n, len(message), err)
}

// sent returns the error of Send after a Write of n bytes. The error wraps ErrUncertain if only the
// newline is missing, because the far end may accept such a line at the end of the stream.
func sent(n, message int, err error) error {
	if err != nil && n >= message {
		return errors.Join(ErrUncertain, err)
	}
	return err
}

// Receive reads one line.
func (l *Lines) Receive() ([]byte, error) {
	for l.err == nil {
		var line []byte
		if line, l.err = l.readLine(); l.err != nil && l.err != io.EOF {
			break // a partial line is not a message
		}
		if line = bytes.TrimSpace(line); len(line) > l.max {
			l.err = fmt.Errorf("%w of %d bytes", ErrTooLarge, l.max)
		} else if len(line) > 0 {
			return line, nil
		}
	}
	return nil, l.err
}

// readLine reads a line, or the beginning of a line that exceeds the limit.
func (l *Lines) readLine() ([]byte, error) {
	line, err := l.r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	if cap(l.line) > keepBuffer {
		l.line = nil
	}
	l.line = append(l.line[:0], line...)
	for err == bufio.ErrBufferFull {
		if len(l.line) > l.max+len("\r\n") {
			return l.line, nil
		}
		line, err = l.r.ReadSlice('\n')
		l.line = append(l.line, line...)
	}
	return l.line, err
}

// Close closes both streams.
func (l *Lines) Close() error {
	var err error
	l.end.Do(func() { err = errors.Join(l.out.Close(), l.in.Close()) })
	return err
}
