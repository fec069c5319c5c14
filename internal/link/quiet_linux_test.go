package link

import (
	"net"
	"syscall"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// An idle link is checked before it is reused. No goroutine reads from the link in this test, so
// only the check can detect that the link has ended.
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
			require.True(t, near.Quiet(), "the check changes nothing")
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
			require.False(t, near.Quiet(), "a closed link cannot be reused")
		})
	}
}

// awaitNews waits, without reading, until data, EOF or a reset has arrived over loopback. The
// arrival may be slightly later than the return of the far end's call.
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

// An executor that uses Nagle's algorithm answers in three small writes. Unless the near end
// acknowledges immediately, each exchange waits for the delayed acknowledgment.
func BenchmarkThreeSmallWrites(b *testing.B) {
	for name, quick := range map[string]bool{"acknowledged immediately": true, "delayed": false} {
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
