package memnet

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair returns both ends of a new connection of n.
func pair(t testing.TB, n *Network) (client, server *Conn) {
	t.Helper()
	ln := n.Listen("server")
	defer func() { require.NoError(t, ln.Close()) }()
	c, err := n.DialContext(t.Context(), "tcp", "server")
	require.NoError(t, err)
	s, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = c.Close(), s.Close()
		require.Zero(t, n.Conns())
	})
	return c.(*Conn), s.(*Conn)
}

// result is the result of a Read or Write.
type result struct {
	n   int
	err error
}

// async runs f on a goroutine and returns a channel that receives its result.
func async(f func() (int, error)) <-chan result {
	done := make(chan result, 1)
	go func() {
		n, err := f()
		done <- result{n, err}
	}()
	return done
}
