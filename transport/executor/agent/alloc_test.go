//go:build !race

package agent

import (
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// sink is a link that discards the messages that it sends.
type sink struct{ sent atomic.Int64 }

func (s *sink) Send(message []byte) error { s.sent.Add(int64(len(message))); return nil }
func (*sink) Receive() ([]byte, error)    { return nil, io.EOF }
func (*sink) Close() error                { return nil }

// pieces is a body in pieces of one size.
type pieces struct{ left, size int }

func (p *pieces) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	p.left--
	return min(p.size, len(b)), nil
}

// A delta costs no allocation.
func TestAllocationsOfADelta(t *testing.T) {
	c, err := newConfig(nil)
	require.NoError(t, err)
	a, err := c.Budget.open()
	require.NoError(t, err)
	s := &session{c: c, link: new(sink), account: a, log: c.Logger, ctx: t.Context(), writing: make(chan struct{}, 1)}
	s.slots.init(1, 1)
	e := &exchange{s: s, id: "a"}
	const n = 1000
	for _, size := range []int{100, aheadPiece} {
		few := testing.AllocsPerRun(10, func() { e.pump(&pieces{left: 10, size: size}, make([]byte, smallPiece), part{}, 0) })
		many := testing.AllocsPerRun(10, func() { e.pump(&pieces{left: 10 + n, size: size}, make([]byte, smallPiece), part{}, 0) })
		require.Less(t, (many-few)/n, 0.01, "pieces of %d bytes", size)
	}
}
