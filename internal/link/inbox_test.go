package link

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// meter is a Meter with a limit.
type meter struct {
	limit, held, peak int
	refused           int // how often Hold was refused
	inMessage         bool
}

func (m *meter) Hold(n int) bool {
	ok := m.Try(n)
	if !ok {
		m.refused++
	}
	return ok
}

func (m *meter) Try(n int) bool {
	if m.held+n > m.limit {
		return false
	}
	m.held += n
	m.peak = max(m.peak, m.held)
	return true
}

func (m *meter) Release(n int) { m.held -= n }
func (m *meter) Begun()        { m.inMessage = true }
func (m *meter) Arrived()      { m.inMessage = false }

// metered returns two ends of Lines in memory. The far one has a meter.
func metered(t *testing.T, m *meter, limit int) (near io.ReadWriteCloser, far *Lines) {
	t.Helper()
	n := memnet.New()
	l := n.Listen("far")
	defer l.Close()
	c, err := n.DialContext(t.Context(), "", "far")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	far = NewLines(s, s, limit)
	far.Meter(m)
	return c, far
}

// A link asks its meter before it uses memory for a message, gives it back with the next message,
// and drops a message for which there is no room without losing its place.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{limit: 1 << 20}
		near, far := metered(t, m, 8<<20)
		defer near.Close()
		sizes := []int{10, readBuffer - 1, readBuffer, 100 << 10, 400 << 10, 2 << 20, 7 << 20, 100 << 10, 10}
		go func() {
			for i, size := range sizes {
				_, _ = near.Write(append(bytes.Repeat([]byte{byte('a' + i)}, size), '\n'))
			}
			_ = near.Close()
		}()
		for i, size := range sizes {
			message, err := far.Receive()
			require.False(t, m.inMessage)
			if size > m.limit {
				require.ErrorIs(t, err, ErrNoRoom)
				size = keepPrefix
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, bytes.Repeat([]byte{byte('a' + i)}, size), message)
			if size > readBuffer {
				require.GreaterOrEqual(t, m.held, size, "the message counts until the next Receive")
			}
		}
		_, err := far.Receive()
		require.Equal(t, io.EOF, err)
		require.Zero(t, m.held)
		require.LessOrEqual(t, m.peak, m.limit)
	})
}

// A buffer that another link gave up may be larger than there is room for. A message that fits is
// then not refused, and does not count as refused.
func TestLargeBufferOfAnotherLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 8 {
			large := make([]byte, 0, keepBuffer)
			buffers.Put(&large)
		}
		const size = 2 * readBuffer
		m := &meter{limit: 2 * size}
		near, far := metered(t, m, 8<<20)
		go func() {
			_, _ = near.Write(append(bytes.Repeat([]byte("x"), size-1), '\n'))
			_ = near.Close()
		}()
		message, err := far.Receive()
		require.NoError(t, err)
		require.Len(t, message, size-1)
		require.Zero(t, m.refused)
		_ = far.Close()
	})
}

// A dropped message still has the limit of all messages, and one that breaks off is an error.
func TestDroppedMessages(t *testing.T) {
	for name, tail := range map[string][]byte{"too large": bytes.Repeat([]byte("x"), 4<<20), "cut": nil} {
		synctest.Test(t, func(t *testing.T) {
			near, far := metered(t, &meter{limit: 0}, 1<<20)
			go func() {
				_, _ = near.Write(append(bytes.Repeat([]byte("x"), 500<<10), tail...))
				near.(*memnet.Conn).Reset()
			}()
			_, err := far.Receive()
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrNoRoom)
			if tail != nil {
				require.ErrorIs(t, err, ErrTooLarge, name)
			}
			_, again := far.Receive()
			require.Equal(t, err, again, "the error is final")
			_ = far.Close()
		})
	}
}
