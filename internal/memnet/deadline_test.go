package memnet

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// blocked lists the two operations that can block, each with a connection on which the operation
// blocks.
var blocked = []struct {
	name string
	call func(*Conn) (int, error)
	set  func(*Conn, time.Time) error
}{
	{"read", func(c *Conn) (int, error) { return c.Read(make([]byte, 1)) }, (*Conn).SetReadDeadline},
	{"write", func(c *Conn) (int, error) { return c.Write(make([]byte, DefaultBuffer+1)) }, (*Conn).SetWriteDeadline},
	{"read, both set", func(c *Conn) (int, error) { return c.Read(make([]byte, 1)) }, (*Conn).SetDeadline},
	{"write, both set", func(c *Conn) (int, error) { return c.Write(make([]byte, DefaultBuffer+1)) }, (*Conn).SetDeadline},
}

func eachBlocked(t *testing.T, test func(t *testing.T, c *Conn, call func() (int, error), set func(time.Time))) {
	t.Helper()
	for _, b := range blocked {
		t.Run(b.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := pair(t, New())
				test(t, c,
					func() (int, error) { return b.call(c) },
					func(at time.Time) { require.NoError(t, b.set(c, at)) })
			})
		})
	}
}

func requireTimeout(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func TestDeadlineInTheFuture(t *testing.T) {
	eachBlocked(t, func(t *testing.T, _ *Conn, call func() (int, error), set func(time.Time)) {
		t.Helper()
		start := time.Now()
		set(start.Add(3 * time.Second))
		_, err := call()
		requireTimeout(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		_, err = call()
		requireTimeout(t, err) // the deadline stays expired
	})
}

func TestDeadlineInThePastEndsACall(t *testing.T) {
	eachBlocked(t, func(t *testing.T, _ *Conn, call func() (int, error), set func(time.Time)) {
		t.Helper()
		done := async(call)
		synctest.Wait()
		require.Empty(t, done)
		set(time.Unix(1, 0))
		requireTimeout(t, (<-done).err)
	})
}

func TestDeadlineCanBeMoved(t *testing.T) {
	eachBlocked(t, func(t *testing.T, _ *Conn, call func() (int, error), set func(time.Time)) {
		t.Helper()
		start := time.Now()
		set(start.Add(time.Second))
		done := async(call)
		synctest.Wait()
		set(start.Add(time.Hour)) // later, while the operation waits
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Empty(t, done)
		set(start.Add(2 * time.Minute)) // earlier
		requireTimeout(t, (<-done).err)
		require.Equal(t, 2*time.Minute, time.Since(start))
	})
}

func TestDeadlineCanBeCleared(t *testing.T) {
	eachBlocked(t, func(t *testing.T, c *Conn, call func() (int, error), set func(time.Time)) {
		t.Helper()
		set(time.Unix(1, 0))
		_, err := call()
		requireTimeout(t, err)
		set(time.Time{})
		done := async(call)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		require.Empty(t, done)
		require.NoError(t, c.Close())
		require.ErrorIs(t, (<-done).err, net.ErrClosed)
	})
}

// As with TCP, an expired deadline fails a Read even if there are bytes to read.
func TestExpiredDeadlineComesBeforeBytes(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		_, err := a.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, b.SetReadDeadline(time.Unix(1, 0)))
		_, err = b.Read(make([]byte, 1))
		requireTimeout(t, err)
		require.NoError(t, b.SetReadDeadline(time.Time{}))
		_, err = b.Read(make([]byte, 1))
		require.NoError(t, err)
	})
}

// This test runs deadlines, reads, writes and closes concurrently, for the race detector. The test
// uses real time, because memnet is also used outside of bubbles.
func TestEverythingAtOnce(t *testing.T) {
	a, b := pair(t, New(Buffer(16)))
	var group sync.WaitGroup
	tolerate := func(err error) {
		var timeout net.Error
		if err != nil && err != io.EOF && !errors.Is(err, net.ErrClosed) && !errors.As(err, &timeout) {
			t.Errorf("unexpected error: %v", err)
		}
	}
	for _, c := range []*Conn{a, b} {
		for range 4 {
			group.Go(func() {
				for range 200 {
					tolerate(c.SetDeadline(time.Now().Add(time.Microsecond)))
					_, err := c.Write(make([]byte, 30))
					tolerate(err)
				}
			})
			group.Go(func() {
				for range 200 {
					tolerate(c.SetReadDeadline(time.Now().Add(time.Microsecond)))
					_, err := c.Read(make([]byte, 20))
					tolerate(err)
				}
			})
		}
	}
	group.Wait()
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() { _ = a.Close() })
		closers.Go(func() { _ = b.CloseWrite() })
		closers.Go(func() { b.Cut() })
	}
	closers.Wait()
}
