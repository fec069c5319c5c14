package memnet

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func dial(t *testing.T, n *Network) (net.Conn, error) {
	t.Helper()
	c, err := n.DialContext(t.Context(), "tcp", "server")
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func TestDialRefused(t *testing.T) {
	n := New()
	_, err := dial(t, n)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "there is no listener")

	ln := n.Listen("server")
	n.Refuse(true)
	_, err = dial(t, n)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	require.Zero(t, n.Dialed())

	n.Refuse(false)
	_, err = dial(t, n)
	require.NoError(t, err)
	require.Equal(t, 1, n.Dialed())

	require.NoError(t, ln.Close())
	_, err = dial(t, n)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "the listener is closed")
}

func TestDialEndsWithItsContext(t *testing.T) {
	n := New()
	defer n.Listen("server").Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := n.DialContext(ctx, "tcp", "server")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, n.Dialed())
}

func TestStalledDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		defer n.Listen("server").Close()
		n.Stall(true)
		n.Stall(true) // a second call changes nothing

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := n.DialContext(ctx, "tcp", "server")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(start))

		done := async(func() (int, error) {
			_, err := dial(t, n)
			return 0, err
		})
		synctest.Wait()
		require.Empty(t, done)
		n.Stall(false)
		n.Stall(false)
		require.NoError(t, (<-done).err)
	})
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		ln := n.Listen("server")
		require.Equal(t, "server", ln.Addr().String())
		require.Panics(t, func() { n.Listen("server") })

		accepting := async(func() (int, error) {
			_, err := ln.Accept()
			return 0, err
		})
		synctest.Wait()
		require.Empty(t, accepting)
		require.NoError(t, ln.Close())
		require.ErrorIs(t, (<-accepting).err, net.ErrClosed)
		_, err := ln.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		require.ErrorIs(t, ln.Close(), net.ErrClosed)

		require.NoError(t, n.Listen("server").Close(), "the address is free again")
	})
}

func TestListenerCloseResetsWaitingConnections(t *testing.T) {
	n := New()
	ln := n.Listen("server")
	accepted, err := dial(t, n)
	require.NoError(t, err)
	server, err := ln.Accept()
	require.NoError(t, err)
	waiting, err := dial(t, n)
	require.NoError(t, err)
	require.NoError(t, ln.Close())

	_, err = waiting.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = server.Write([]byte("x"))
	require.NoError(t, err)
	_, err = accepted.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, server.Close())
}

func TestCounts(t *testing.T) {
	n := New()
	ln := n.Listen("server")
	defer ln.Close()
	require.Zero(t, n.Conns())
	a, err := dial(t, n)
	require.NoError(t, err)
	b, err := dial(t, n)
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 0}, []int{n.Conns(), n.Dialed(), n.Accepted()})
	require.Equal(t, []*Conn{a.(*Conn), b.(*Conn)}, n.Links())

	server, err := ln.Accept()
	require.NoError(t, err)
	require.Equal(t, 1, n.Accepted())
	require.NoError(t, server.Close())
	require.Equal(t, 2, n.Conns(), "the client has not closed its end")
	require.NoError(t, a.Close())
	require.Equal(t, []*Conn{b.(*Conn)}, n.Links())
	require.Equal(t, 2, n.Dialed())
}

func TestAllAtOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*Network)
	}{{"cut", (*Network).CutAll}, {"reset", (*Network).ResetAll}} {
		t.Run(c.name, func(t *testing.T) {
			n := New()
			defer n.Listen("server").Close()
			a, err := dial(t, n)
			require.NoError(t, err)
			b, err := dial(t, n)
			require.NoError(t, err)
			c.do(n)
			for _, conn := range []net.Conn{a, b} {
				_, err = conn.Read(make([]byte, 1))
				require.ErrorIs(t, err, syscall.ECONNRESET)
			}
			later, err := dial(t, n)
			require.NoError(t, err)
			_, err = later.Write([]byte("x"))
			require.NoError(t, err, "a later connection is not affected")
		})
	}
}
