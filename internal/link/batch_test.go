package link

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// SendAll sends what calls of Send would, whatever the sizes.
func TestSendAll(t *testing.T) {
	onNetworks(t, func(t *testing.T, near *WebSocket, far *websocket.Conn) {
		requireSendAll(t, near, far)
	})
}

func requireSendAll(t *testing.T, near *WebSocket, far *websocket.Conn) {
	t.Helper()
	for _, size := range []int{0, 100, writeBuffer / 4, writeBuffer} {
		messages := [][]byte{[]byte("head"), bytes.Repeat([]byte("x"), size), []byte("end")}
		sent := async(func() error { return near.SendAll(messages...) })
		for _, want := range messages {
			_, got, err := far.ReadMessage()
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), size)
		}
		require.NoError(t, <-sent)
	}
}

// Small messages leave a Corkable with one write, which a pong among them does not divide.
func TestSendAllWithOneWrite(t *testing.T) {
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	dialed := async(func() error {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		defer conn.Close()
		data, err := io.ReadAll(conn)
		if err == nil && string(data) != "abc" {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	raw, err := new(net.Dialer).DialContext(t.Context(), "tcp", ln.Addr().String())
	require.NoError(t, err)
	c := NewCorkable(raw.(*net.TCPConn))
	c.cork()
	for _, text := range []string{"a", "b", "c"} {
		n, err := c.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, 1, n)
	}
	require.Equal(t, "abc", string(*c.held), "nothing is written yet")
	require.NoError(t, c.uncork())
	require.Nil(t, c.held)
	require.NoError(t, c.Close())
	require.NoError(t, <-dialed)
	c.cork()
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	require.ErrorIs(t, c.uncork(), net.ErrClosed, "the error of the write")
}

// whole records the writes of Lines.
type whole struct{ writes []string }

func (w *whole) Write(p []byte) (int, error) {
	w.writes = append(w.writes, string(p))
	return len(p), nil
}
func (*whole) Close() error { return nil }

func TestSendAllAsLines(t *testing.T) {
	out := new(whole)
	l := NewLines(io.NopCloser(strings.NewReader("")), out, 1<<20)
	require.NoError(t, l.SendAll([]byte("a"), []byte("b")))
	require.Equal(t, []string{"a\nb\n"}, out.writes)
	long := strings.Repeat("x", writeBuffer)
	require.NoError(t, l.SendAll([]byte(long), []byte("b")))
	require.Equal(t, "a\nb\n"+long+"\nb\n", strings.Join(out.writes, ""))
}
