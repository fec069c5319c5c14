package link

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/memnet"
)

func TestMessagesBothWays(t *testing.T) {
	onNetworks(t, func(t *testing.T, near *WebSocket, far *websocket.Conn) {
		for i, size := range []int{0, 1, 125, 126, readBuffer, 65535, 65536, writeBuffer + 1, largest} {
			message := bytes.Repeat([]byte{byte('a' + i)}, size)
			sent := async(func() error { return near.Send(message) })
			kind, got, err := far.ReadMessage()
			require.NoError(t, err)
			require.NoError(t, <-sent)
			require.Equal(t, websocket.TextMessage, kind)
			require.True(t, bytes.Equal(message, got), size)

			for _, kind := range []int{websocket.TextMessage, websocket.BinaryMessage} {
				written := async(func() error { return far.WriteMessage(kind, message) })
				got, err = near.Receive()
				require.NoError(t, err)
				require.NoError(t, <-written)
				require.True(t, bytes.Equal(message, got), size)
			}
		}
	})
}

func TestMessageOverTheLimit(t *testing.T) {
	onNetworks(t, func(t *testing.T, near *WebSocket, far *websocket.Conn) {
		// The header announces a terabyte, but only slightly more than the limit arrives. A Receive
		// that waited for the rest would wait forever.
		header := binary.BigEndian.AppendUint64([]byte{0x82, 127}, 1<<40)
		written := async(func() error {
			_, err := far.NetConn().Write(append(header, make([]byte, 2*largest)...))
			return err
		})
		_, err := near.Receive()
		require.ErrorIs(t, err, ErrTooLarge)
		requireFinal(t, near, err)
		require.NoError(t, near.Close())
		<-written
	})
}

func TestLimitIsExact(t *testing.T) {
	for _, limit := range []int{10, readBuffer - 1, readBuffer, readBuffer + 1, 100_000} {
		l, d := networks["memnet"](t)
		d.MaxMessage = limit
		near, far := pair(t, l, d, false)
		for _, over := range []int{-1, 0, 1} {
			written := async(func() error { return far.WriteMessage(websocket.TextMessage, make([]byte, limit+over)) })
			got, err := near.Receive()
			require.Equal(t, over > 0, err != nil, limit)
			if over <= 0 {
				require.Len(t, got, limit+over)
			}
			require.NoError(t, <-written)
		}
	}
}

// An executor accepts frames of up to 16 MiB and closes the connection when it receives a larger
// one.
func TestLargeMessageIsSentInFrames(t *testing.T) {
	const size = 20 << 20
	l, d := networks["loopback"](t)
	near, far := pair(t, l, d, false)
	sent := async(func() error { return near.Send(make([]byte, size)) })
	r, total, frames, final := far.NetConn(), uint64(0), 0, false
	for ; !final; frames++ {
		var head [2]byte
		_, err := io.ReadFull(r, head[:])
		require.NoError(t, err)
		opcode := byte(websocket.TextMessage)
		if frames > 0 {
			opcode = 0 // continuation frame
		}
		require.Equal(t, opcode, head[0]&0xf)
		final = head[0]&0x80 != 0
		length := uint64(head[1] & 0x7f)
		if length > 125 {
			extended := make([]byte, map[uint64]int{126: 2, 127: 8}[length])
			_, err = io.ReadFull(r, extended)
			require.NoError(t, err)
			length = binary.BigEndian.Uint64(append(make([]byte, 8-len(extended)), extended...))
		}
		require.LessOrEqual(t, length, uint64(16<<20))
		total += length
		_, err = io.CopyN(io.Discard, r, int64(length)+4) // including the mask
		require.NoError(t, err)
	}
	require.EqualValues(t, size, total)
	require.NoError(t, <-sent)
}

func TestCloseEndsSendAndReceive(t *testing.T) {
	onNetworks(t, func(t *testing.T, near *WebSocket, _ *websocket.Conn) {
		sent := async(func() error { return near.Send(make([]byte, 64<<20)) }) // the peer does not read it
		received := async(receive(near))
		require.NoError(t, near.Close())
		require.Error(t, <-sent)
		require.Equal(t, net.ErrClosed, <-received)
		requireFinal(t, near, net.ErrClosed)
		_ = near.Close()
	})
}

// The same test with calls that are known to be blocked: no time may pass between Close and their
// return.
func TestCloseEndsBlockedCallsImmediately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, largest)
		sent, received := async(func() error { return near.Send(make([]byte, largest)) }), async(receive(near))
		synctest.Wait()
		require.Empty(t, sent)
		require.Empty(t, received)
		began := time.Now()
		require.NoError(t, near.Close())
		require.ErrorIs(t, <-sent, net.ErrClosed)
		require.Equal(t, net.ErrClosed, <-received)
		require.Equal(t, began, time.Now())
		_ = far.NetConn().Close()
	})
}

// pipe returns an in-memory WebSocket without a server, for synctest.
func pipe(t *testing.T, limit int) (near *WebSocket, far *websocket.Conn) {
	t.Helper()
	n := memnet.New()
	l := n.Listen("server:80")
	upgraded := make(chan *websocket.Conn, 1)
	go upgradeOne(l, upgraded)
	near, err := (&Dialer{NetDial: n.DialContext, MaxMessage: limit}).Dial(t.Context(), "ws://server:80/", nil)
	require.NoError(t, err)
	far = <-upgraded
	t.Cleanup(func() { _, _ = near.Close(), far.NetConn().Close() })
	return near, far
}

func TestPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, largest)
		received := async(receive(near)) // idle
		ponged := make(chan string, 1)
		far.SetPongHandler(func(data string) error { ponged <- data; return nil })
		farRead := async(func() error { _, _, err := far.ReadMessage(); return err })

		require.NoError(t, far.WriteControl(websocket.PingMessage, []byte("there?"), time.Time{}))
		require.Equal(t, "there?", <-ponged)

		before := near.Heard()
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, before, near.Heard())
		require.NoError(t, near.Ping())
		synctest.Wait()
		require.Equal(t, before.Add(time.Minute), near.Heard())

		require.NoError(t, near.Close())
		<-received
		<-farRead
	})
}

// A peer that sends pings and does not read must not delay the messages that it sends.
func TestPingsOfAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := pipe(t, largest)
		sent := async(func() error { return near.Send(make([]byte, largest)) })
		synctest.Wait()
		require.NoError(t, far.WriteControl(websocket.PingMessage, nil, time.Time{}))
		require.NoError(t, far.WriteMessage(websocket.TextMessage, []byte("news")))
		got, err := near.Receive()
		require.NoError(t, err)
		require.Equal(t, "news", string(got))
		require.Empty(t, sent)
		require.NoError(t, near.Close())
		require.Error(t, <-sent)
	})
}

func TestEndBetweenMessages(t *testing.T) {
	for name, end := range map[string]func(*websocket.Conn){
		"closes the connection": func(*websocket.Conn) {},
		"normal":                func(far *websocket.Conn) { sendClose(far, websocket.CloseNormalClosure) },
		"going":                 func(far *websocket.Conn) { sendClose(far, websocket.CloseGoingAway) },
		"no code":               func(far *websocket.Conn) { _ = far.WriteControl(websocket.CloseMessage, nil, time.Time{}) },
	} {
		t.Run(name, func(t *testing.T) {
			onNetworks(t, func(t *testing.T, near *WebSocket, far *websocket.Conn) {
				require.NoError(t, far.WriteMessage(websocket.TextMessage, []byte("last")))
				end(far)
				require.NoError(t, far.Close())
				got, err := near.Receive()
				require.NoError(t, err)
				require.Equal(t, "last", string(got))
				_, err = near.Receive()
				require.Equal(t, io.EOF, err)
				requireFinal(t, near, io.EOF)
			})
		})
	}
}

func sendClose(far *websocket.Conn, code int) {
	_ = far.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Time{})
}

func TestBrokenEnd(t *testing.T) {
	for name, frames := range map[string]string{
		"in a frame":                        "\x81\x05abc",
		"between frames":                    "\x01\x03abc",
		"close frame in a message":          "\x01\x03abc\x88\x02\x03\xe8",
		"close frame with an error code":    "\x88\x02\x03\xf0",
		"close frame with an invalid code":  "\x88\x02\x03\xee",
		"invalid opcode":                    "\x83\x01a",
		"masked":                            "\x81\x81mask\x00",
		"compressed":                        "\xc1\x01a",
		"continuation without a message":    "\x80\x01a",
		"message in a message":              "\x01\x01a\x81\x01b",
		"ping of 126 bytes":                 "\x89\x7e\x00\x7e" + string(make([]byte, 126)),
		"length of more than 63 bits":       "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"total length of more than 63 bits": "\x01\x01a\x80\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			l, d := networks["memnet"](t)
			near, far := pair(t, l, d, false)
			_, err := far.NetConn().Write([]byte(frames))
			require.NoError(t, err)
			require.NoError(t, far.NetConn().Close())
			_, err = near.Receive()
			require.Error(t, err)
			require.NotErrorIs(t, err, io.EOF)
			requireFinal(t, near, err)
		})
	}
}

func TestSendOnABrokenLink(t *testing.T) {
	near, _ := pipe(t, largest)
	near.raw.(*Conn).Conn.(*memnet.Conn).Reset()
	err := near.Send([]byte("x"))
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrUncertain)
}

func TestFarEnd(t *testing.T) {
	_, conn := pipe(t, largest)
	far := NewWebSocket(conn, conn.NetConn(), 10)
	require.Zero(t, far.Heard())
	require.True(t, far.Quiet())
	received := async(receive(far))
	require.NoError(t, far.Close())
	require.Equal(t, net.ErrClosed, <-received)
}

func BenchmarkReceive(b *testing.B) {
	for _, size := range []int{200, 16 << 10, 1 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l, d := networks["loopback"](b)
			d.MaxMessage = 8 << 20
			near, far := pair(b, l, d, false)
			message := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			written := async(func() error {
				for far.WriteMessage(websocket.TextMessage, message) == nil {
				}
				return nil
			})
			for b.Loop() {
				if _, err := near.Receive(); err != nil {
					b.Fatal(err)
				}
			}
			_ = near.Close()
			<-written
		})
	}
}
