package link

import (
	"bufio"
	"bytes"
	"errors"
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
	long inbox // for a line that is longer than the reader's buffer
	err  error // the error of Receive, which is final
	w    []byte
	end  sync.Once
}

// NewLines returns a Link that reads from in and writes to out. maxMessage bounds received
// messages, in bytes. Close closes both streams. To keep the contract of [Link], closing a stream
// must end a Read or Write in progress, as it does on pipes.
func NewLines(in io.ReadCloser, out io.WriteCloser, maxMessage int) *Lines {
	return &Lines{
		in: in, out: out, max: maxMessage,
		r:    bufio.NewReaderSize(in, readBuffer),
		long: inbox{max: maxMessage + len("\r\n")},
	}
}

// Meter sets what counts the memory for messages that are received. Call it before Receive.
func (l *Lines) Meter(m Meter) { l.long.meter = m }

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

// SendAll writes lines, all at once if they are small.
func (l *Lines) SendAll(messages ...[]byte) error {
	if !fit(messages) {
		for _, m := range messages {
			if err := l.Send(m); err != nil {
				return err
			}
		}
		return nil
	}
	l.w = l.w[:0]
	for _, m := range messages {
		l.w = append(append(l.w, m...), '\n')
	}
	n, err := l.out.Write(l.w)
	return sent(n, len(l.w)-1, err)
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
		line, err := l.readLine()
		if err == ErrNoRoom {
			return line, err
		}
		if l.err = err; err != nil && err != io.EOF {
			break // a partial line is not a message
		}
		if line = bytes.TrimSpace(line); len(line) > l.max {
			l.err = tooLarge(l.max)
		} else if len(line) > 0 {
			return line, nil
		}
	}
	return nil, l.err
}

// readLine reads a line. The error is io.EOF for the last line of the stream.
func (l *Lines) readLine() ([]byte, error) {
	l.long.reset()
	if _, err := l.r.Peek(1); err != nil {
		return nil, err
	}
	l.long.begun()
	defer l.long.arrived()
	line, err := l.r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	rest := &lineReader{r: l.r, part: line}
	if err := l.long.receive(rest); err != nil {
		return l.long.buf, err
	}
	return l.long.buf, rest.end
}

// lineReader reads one line of r. It returns io.EOF at the end of the line.
type lineReader struct {
	r    *bufio.Reader
	part []byte // read from r, not yet returned
	done bool   // part is the last one
	end  error  // io.EOF if the line ends with the stream
}

func (l *lineReader) Read(p []byte) (int, error) {
	if len(l.part) == 0 {
		if l.done {
			return 0, io.EOF
		}
		var err error
		l.part, err = l.r.ReadSlice('\n')
		l.done = err != bufio.ErrBufferFull
		switch {
		case err == io.EOF:
			l.end = err
		case err != nil && l.done:
			return 0, err
		}
	}
	n := copy(p, l.part)
	l.part = l.part[n:]
	return n, nil
}

// Close closes both streams.
func (l *Lines) Close() error {
	var err error
	l.end.Do(func() { err = errors.Join(l.out.Close(), l.in.Close()) })
	return err
}
