package agent

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

// stopping is a link that accepts messages only when the test allows it. It keeps the body pieces
// of these messages.
type stopping struct {
	let  chan struct{}
	body bytes.Buffer
	gone atomic.Bool
}

func (s *stopping) Send(message []byte) error {
	<-s.let
	if s.gone.Load() {
		return errors.New("the link is cut")
	}
	var m execproto.Message
	if err := m.Read(message); err != nil {
		return err
	}
	piece, err := m.Delta.Decode(nil)
	s.body.Write(piece)
	return err
}

func (*stopping) Receive() ([]byte, error) { return nil, io.EOF }
func (*stopping) Close() error             { return nil }

// counting is an endless body that counts the bytes read.
type counting struct {
	left int
	read atomic.Int64
}

func (c *counting) Read(p []byte) (int, error) {
	n := min(c.left, len(p))
	for i := range p[:n] {
		p[i] = byte(int(c.read.Load()) + i)
	}
	c.left -= n
	c.read.Add(int64(n))
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func pumping(t *testing.T, l *stopping) (*exchange, context.CancelCauseFunc) {
	t.Helper()
	c, err := newConfig(nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	a, err := c.Budget.open()
	require.NoError(t, err)
	s := &session{c: c, link: l, account: a, log: c.Logger, ctx: ctx, writing: make(chan struct{}, 1), end: cancel}
	s.slots.init(1, 1)
	return &exchange{s: s, id: "a"}, cancel
}

// While a link accepts nothing, the agent reads only a bounded part of the body ahead. When the
// link accepts messages again, every byte arrives, in order.
func TestReadAheadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 8 << 20
		l := &stopping{let: make(chan struct{})}
		e, cancel := pumping(t, l)
		defer cancel(nil)
		body := &counting{left: size}
		done := make(chan struct{})
		go func() { defer close(done); e.pump(body, make([]byte, smallPiece), part{}, 0) }()
		time.Sleep(time.Hour)
		require.Equal(t, int64(smallPiece), body.read.Load(), "one small piece is being sent")
		l.let <- struct{}{}
		time.Sleep(time.Hour)
		require.LessOrEqual(t, body.read.Load(), int64(smallPiece+2*aheadMost+aheadPiece))
		close(l.let)
		<-done
		require.Equal(t, size, l.body.Len())
		for i, b := range l.body.Bytes() {
			if int(b) != i&0xff {
				t.Fatalf("byte %d is wrong: %d", i, b)
			}
		}
	})
}

// A link that is cut also ends the reading of the body.
func TestReadAheadEndsWithTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &stopping{let: make(chan struct{})}
		e, cancel := pumping(t, l)
		defer cancel(nil)
		done := make(chan struct{})
		go func() { defer close(done); e.pump(&counting{left: 1 << 30}, make([]byte, smallPiece), part{}, 0) }()
		l.let <- struct{}{}
		synctest.Wait()
		l.gone.Store(true)
		close(l.let)
		<-done
	})
}
