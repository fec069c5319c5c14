package link

import (
	"net"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// An idle link is looked at before it is used again. Here nobody reads from it, so
// that only the look can tell.
func TestQuiet(t *testing.T) {
	for name, disturb := range map[string]func(far *websocket.Conn) error{
		"end":   func(far *websocket.Conn) error { return far.NetConn().Close() },
		"reset": func(far *websocket.Conn) error { return reset(far.NetConn()) },
		"data":  func(far *websocket.Conn) error { return far.WriteMessage(websocket.TextMessage, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			l, d := networks["loopback"](t)
			near, far := pair(t, l, d, false)
			require.True(t, near.Quiet())
			require.True(t, near.Quiet(), "a look changes nothing")
			require.NoError(t, disturb(far))
			awaitNews(t, near)
			require.False(t, near.Quiet())
			require.False(t, near.Quiet())
			if name == "data" {
				_, err := near.Receive()
				require.NoError(t, err)
				require.True(t, near.Quiet())
			}
			require.NoError(t, near.Close())
			require.False(t, near.Quiet(), "a closed link is of no use")
		})
	}
}

// awaitNews waits, without reading, until something came through the system's
// loopback, which may be a moment after the far end's call returned.
func awaitNews(t *testing.T, near *WebSocket) {
	t.Helper()
	require.NoError(t, near.raw.(*Conn).sys.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	}))
}

func reset(c net.Conn) error {
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return c.Close()
}

// An executor with Nagle's algorithm on answers in three small writes: without
// an acknowledgment at once, each exchange waits for the delayed one.
func BenchmarkThreeSmallWrites(b *testing.B) {
	for name, quick := range map[string]bool{"acknowledged at once": true, "delayed": false} {
		b.Run(name, func(b *testing.B) {
			l, d := networks["loopback"](b)
			near, far := pair(b, l, d, false)
			if !quick {
				near.raw.(*Conn).ackNow = nil
			}
			require.NoError(b, far.NetConn().(*net.TCPConn).SetNoDelay(false))
			answered := async(func() error { return answer(far) })
			for b.Loop() {
				require.NoError(b, near.Send([]byte("ask")))
				for range 3 {
					_, err := near.Receive()
					require.NoError(b, err)
				}
			}
			_ = near.Close()
			<-answered
		})
	}
}

func answer(far *websocket.Conn) error {
	for {
		if _, _, err := far.ReadMessage(); err != nil {
			return err
		}
		for range 3 {
			if err := far.WriteMessage(websocket.TextMessage, []byte("piece")); err != nil {
				return err
			}
		}
	}
}
