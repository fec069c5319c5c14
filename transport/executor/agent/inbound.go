package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/link"
)

// meter counts the memory for messages that a link receives, and ends the link if one is late.
type meter struct {
	account *account
	timeout time.Duration
	late    *time.Timer // nil if there is no timeout
}

// Hold reports whether the link may use n more bytes.
func (m *meter) Hold(n int) bool { return m.account.take(int64(n)) }

// Try is Hold for bytes that the link can do without. A refusal does not count as an overflow.
func (m *meter) Try(n int) bool { return m.account.try(int64(n)) }

// Release says that the link no longer uses n bytes.
func (m *meter) Release(n int) { m.account.give(int64(n)) }

// Begun starts the time of a message.
func (m *meter) Begun() {
	if m.late != nil {
		m.late.Reset(m.timeout)
	}
}

// Arrived stops the time.
func (m *meter) Arrived() {
	if m.late != nil {
		m.late.Stop()
	}
}

var errLate = errors.New("timeout: a message was begun and not finished")

// meterLink makes the link count and time what it receives. It reports whether the link can.
func (s *session) meterLink() (m *meter, metered bool) {
	m = &meter{account: s.account, timeout: s.c.MessageTimeout}
	l, ok := s.link.(interface{ Meter(m link.Meter) })
	if !ok {
		return m, false
	}
	if m.timeout > 0 {
		m.late = time.AfterFunc(m.timeout, func() {
			s.c.Budget.counters.lateMessages.Add(1)
			s.end(errLate)
		})
		m.late.Stop()
	}
	l.Meter(m)
	return m, true
}

// read handles messages until the link ends, and returns why it ended.
func (s *session) read() error {
	m, metered := s.meterLink()
	defer m.Arrived()
	for {
		data, err := s.link.Receive()
		switch {
		case err == link.ErrNoRoom: // the meter has counted the overflow
			s.refuse(data)
		case err != nil:
			return err
		case len(data) > s.c.MaxMessage:
			return fmt.Errorf("%w of %d bytes", link.ErrTooLarge, s.c.MaxMessage)
		default:
			s.receive(data, metered)
		}
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
	}
}

// receive handles one message. Decoding makes a copy of its parts, which counts from here on: a
// body is 3/4 of its base64, the rest is small or counts more once its size is known.
func (s *session) receive(data []byte, metered bool) {
	n := int64(len(data))
	s.c.Budget.counters.bytesIn.Add(n)
	text := n
	if metered {
		text = 0
	}
	s.copied = n - n/8
	if !s.account.take(text + s.copied) {
		s.refuse(data)
		return
	}
	if err := s.message.Read(data); err != nil {
		s.failNobody("failed to parse JSON-RPC message: " + err.Error())
	} else {
		s.handle(&s.message)
	}
	s.message = execproto.Message{} // it refers to the text
	s.account.give(text + s.copied)
}

// refuse answers a message for which there is no room, and of which only the beginning may be
// known.
func (s *session) refuse(beginning []byte) {
	id := execproto.FindID(beginning)
	if id == nil || len(id) > maxRawID {
		id = nobody
	}
	s.fail(id, overBudget(true))
}

// nobody is the ID in the answer to a message whose ID is unknown.
var nobody = []byte("-1")
