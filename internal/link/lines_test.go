package link

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

// lineNetworks create both ends of a pair of Lines for the tests.
var lineNetworks = map[string]func(t *testing.T, limit int) (near, far *Lines){
	"os.Pipe": func(t *testing.T, limit int) (near, far *Lines) {
		nearIn, farOut, err := os.Pipe()
		require.NoError(t, err)
		farIn, nearOut, err := os.Pipe()
		require.NoError(t, err)
		return NewLines(nearIn, nearOut, limit), NewLines(farIn, farOut, limit)
	},
	"memnet": func(t *testing.T, limit int) (near, far *Lines) {
		n := memnet.New()
		l := n.Listen("far")
		defer l.Close()
		c, err := n.DialContext(t.Context(), "", "far")
		require.NoError(t, err)
		s, err := l.Accept()
		require.NoError(t, err)
		return NewLines(c, writeEnd{c.(*memnet.Conn)}, limit), NewLines(s, writeEnd{s.(*memnet.Conn)}, limit)
	},
}

// writeEnd is the write direction of a connection, which can be closed separately.
type writeEnd struct{ *memnet.Conn }

func (w writeEnd) Close() error { return w.CloseWrite() }

func onLines(t *testing.T, limit int, test func(t *testing.T, near, far *Lines)) {
	for name, network := range lineNetworks {
		t.Run(name, func(t *testing.T) {
			near, far := network(t, limit)
			defer near.Close()
			defer far.Close()
			test(t, near, far)
		})
	}
}

func TestLinesBothWays(t *testing.T) {
	onLines(t, largest, func(t *testing.T, near, far *Lines) {
		for i, size := range []int{1, 100, readBuffer - 1, readBuffer, writeBuffer - 1, writeBuffer, writeBuffer + 1, largest} {
			message := bytes.Repeat([]byte{byte('a' + i)}, size)
			for _, ends := range [][2]*Lines{{near, far}, {far, near}} {
				sent := async(func() error { return ends[0].Send(message) })
				got, err := ends[1].Receive()
				require.NoError(t, err)
				require.NoError(t, <-sent)
				require.True(t, bytes.Equal(message, got), size)
			}
		}
	})
}

func TestLinesOfOtherWriters(t *testing.T) {
	onLines(t, 10, func(t *testing.T, near, far *Lines) {
		_, err := io.WriteString(far.out, "\n\r\n  \n{1}\r\n\n {2} \n"+strings.Repeat("\n", 100)+"0123456789\r\n{3}")
		require.NoError(t, err)
		require.NoError(t, far.Close())
		for _, want := range []string{"{1}", "{2}", "0123456789", "{3}"} {
			got, err := near.Receive()
			require.NoError(t, err)
			require.Equal(t, want, string(got))
		}
		_, err = near.Receive()
		require.Equal(t, io.EOF, err)
		requireFinal(t, near, io.EOF)
	})
}

func TestLineOverTheLimit(t *testing.T) {
	for _, limit := range []int{1, 10, readBuffer - 1, readBuffer, readBuffer + 1, 100_000} {
		for _, end := range []string{"\n", "\r\n", ""} {
			onLines(t, limit, func(t *testing.T, near, far *Lines) {
				written := async(func() error {
					_, err := io.WriteString(far.out, strings.Repeat("x", limit)+"\n"+strings.Repeat("x", limit+1)+end)
					return errors.Join(err, far.out.Close())
				})
				got, err := near.Receive()
				require.NoError(t, err)
				require.Len(t, got, limit)
				_, err = near.Receive()
				require.ErrorIs(t, err, ErrTooLarge)
				require.NoError(t, <-written)
				requireFinal(t, near, err)
			})
		}
	}
}

// The line never ends. A Receive that waited for its end would wait forever.
func TestEndlessLine(t *testing.T) {
	onLines(t, largest, func(t *testing.T, near, far *Lines) {
		written := async(func() error {
			_, err := far.out.Write(make([]byte, 2*largest))
			return err
		})
		_, err := near.Receive()
		require.ErrorIs(t, err, ErrTooLarge)
		require.NoError(t, near.Close())
		<-written
	})
}

// An unterminated line at EOF may be a message. An unterminated line before a read error is not.
func TestBrokenLine(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("{1}\n{2"), iotest.ErrReader(errTest))
	l := NewLines(io.NopCloser(broken), nil, 10)
	got, err := l.Receive()
	require.NoError(t, err)
	require.Equal(t, "{1}", string(got))
	_, err = l.Receive()
	require.Equal(t, errTest, err)
	requireFinal(t, l, err)
}

func TestCloseEndsLines(t *testing.T) {
	onLines(t, 10, func(t *testing.T, near, _ *Lines) {
		sent := async(func() error { return near.Send(make([]byte, 1<<20)) }) // the peer does not read it
		received := async(receive(near))
		require.NoError(t, near.Close())
		require.Error(t, <-sent)
		require.Error(t, <-received)
		require.NoError(t, near.Close())
	})
}

func TestCloseEndsLinesImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := lineNetworks["memnet"](t, 10)
		sent, received := async(func() error { return near.Send(make([]byte, 1<<20)) }), async(receive(near))
		synctest.Wait()
		require.Empty(t, sent)
		require.Empty(t, received)
		_ = near.Close()
		require.ErrorIs(t, <-sent, net.ErrClosed)
		require.ErrorIs(t, <-received, net.ErrClosed)
		_ = far.Close()
	})
}

// failing writes this many bytes, then fails.
type failing int

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), int(*f))
	*f -= failing(n)
	if n < len(p) {
		return n, errTest
	}
	return n, nil
}

func (f *failing) Close() error { return nil }

// If only the newline of a message is lost, a reader that sees the end of the stream there accepts
// the message.
func TestPartlyWrittenLine(t *testing.T) {
	for _, size := range []int{1, 100, writeBuffer - 1, writeBuffer, 3 * writeBuffer} {
		for lost, uncertain := range map[int]bool{0: true, 1: false} {
			w := failing(size - lost)
			err := NewLines(nil, &w, 10).Send(make([]byte, size))
			require.ErrorIs(t, err, errTest)
			require.Equal(t, uncertain, errors.Is(err, ErrUncertain), "%d of %d bytes", size-lost, size)
		}
		w := failing(size + 1)
		require.NoError(t, NewLines(nil, &w, 10).Send(make([]byte, size)))
	}
}
