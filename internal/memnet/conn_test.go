package memnet

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// bothWays runs a test twice in a bubble, with the dialing and with the accepting end first.
func bothWays(t *testing.T, test func(t *testing.T, a, b *Conn)) {
	t.Helper()
	t.Run("client to server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := pair(t, New())
			test(t, client, server)
		})
	})
	t.Run("server to client", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := pair(t, New())
			test(t, server, client)
		})
	})
}

func TestBytesArriveInOrder(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		want := make([]byte, 1<<20)
		for i := range want {
			want[i] = byte(rand.Uint32())
		}
		send := func(c *Conn) <-chan result {
			return async(func() (int, error) {
				for rest := want; len(rest) > 0; {
					n, err := c.Write(rest[:min(len(rest), 1+rand.IntN(100_000))])
					if err != nil {
						return 0, err
					}
					rest = rest[n:]
				}
				return len(want), c.CloseWrite()
			})
		}
		receive := func(c *Conn) {
			var got bytes.Buffer
			chunk := make([]byte, 70_000)
			for {
				n, err := c.Read(chunk[:1+rand.IntN(len(chunk)-1)])
				got.Write(chunk[:n])
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
			}
			require.True(t, bytes.Equal(want, got.Bytes()))
		}
		// Both directions at the same time.
		sent, back := send(a), send(b)
		receive(b)
		receive(a)
		require.Equal(t, result{len(want), nil}, <-sent)
		require.Equal(t, result{len(want), nil}, <-back)
	})
}

func TestWriteDoesNotWaitForTheReader(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		n, err := a.Write([]byte("hello"))
		require.NoError(t, err)
		require.Equal(t, 5, n)
		require.NoError(t, a.Close())
		got, err := io.ReadAll(b)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
	})
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, New(Buffer(10)))
		var writers sync.WaitGroup
		for c := range 8 {
			writers.Go(func() {
				for range 10 {
					if _, err := a.Write(bytes.Repeat([]byte{byte('a' + c)}, 37)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		block := make([]byte, 37)
		for range 8 * 10 {
			_, err := io.ReadFull(b, block)
			require.NoError(t, err)
			require.Equal(t, bytes.Repeat(block[:1], 37), block)
		}
		writers.Wait()
	})
}

func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, New(Buffer(100)))
		written := async(func() (int, error) { return a.Write(make([]byte, 250)) })
		synctest.Wait()
		require.Empty(t, written, "100 bytes fit; the rest waits for a reader")

		_, err := io.ReadFull(b, make([]byte, 149))
		require.NoError(t, err)
		synctest.Wait()
		require.Empty(t, written, "one byte is missing")

		_, err = io.ReadFull(b, make([]byte, 1))
		require.NoError(t, err)
		require.Equal(t, result{250, nil}, <-written)
	})
}

// Two Writes that wait for room, one in each direction, wait quietly.
func TestBackPressureBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, New())
		var writing sync.WaitGroup
		for _, c := range []*Conn{a, b} {
			writing.Go(func() { _, _ = c.Write(make([]byte, 1<<20)) })
		}
		synctest.Wait() // it returns when both are blocked
		require.NoError(t, a.Close())
		require.NoError(t, b.Close())
		writing.Wait()
	})
}

func TestDefaultBuffer(t *testing.T) {
	bothWays(t, func(t *testing.T, a, _ *Conn) {
		t.Helper()
		n, err := a.Write(make([]byte, DefaultBuffer))
		require.NoError(t, err)
		require.Equal(t, DefaultBuffer, n)
		require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err = a.Write(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.Zero(t, n)
	})
}

func TestHalfClose(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		reading := async(func() (int, error) { return b.Read(make([]byte, 1)) })
		synctest.Wait()
		require.NoError(t, a.CloseWrite())
		require.Equal(t, result{0, io.EOF}, <-reading)

		_, err := a.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)

		_, err = b.Write([]byte("answer"))
		require.NoError(t, err)
		require.NoError(t, b.Close())
		got, err := io.ReadAll(a)
		require.NoError(t, err)
		require.Equal(t, "answer", string(got))
	})
}

func TestCloseEndsReadAndWrite(t *testing.T) {
	bothWays(t, func(t *testing.T, a, _ *Conn) {
		t.Helper()
		reading := async(func() (int, error) { return a.Read(make([]byte, 1)) })
		first := async(func() (int, error) { return a.Write(make([]byte, DefaultBuffer+1)) })
		synctest.Wait()
		second := async(func() (int, error) { return a.Write(make([]byte, 1)) })
		synctest.Wait()
		require.NoError(t, a.Close())
		r := <-reading
		require.ErrorIs(t, r.err, net.ErrClosed)
		r = <-first
		require.ErrorIs(t, r.err, net.ErrClosed)
		require.Equal(t, DefaultBuffer, r.n)
		r = <-second
		require.Equal(t, 0, r.n)
		require.ErrorIs(t, r.err, net.ErrClosed)

		require.ErrorIs(t, a.Close(), net.ErrClosed)
		require.ErrorIs(t, a.CloseWrite(), net.ErrClosed)
		require.ErrorIs(t, a.SetDeadline(time.Time{}), net.ErrClosed)
	})
}

// TCP accepts one more Write after the peer has closed. Only the reply to it reports the error.
func TestWriteAfterThePeerClosed(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		require.NoError(t, b.Close())
		n, err := a.Write([]byte("lost"))
		require.NoError(t, err)
		require.Equal(t, 4, n)
		_, err = a.Write([]byte("x"))
		require.ErrorIs(t, err, syscall.EPIPE)
		_, err = a.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestPeerClosesDuringAWrite(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		writing := async(func() (int, error) { return a.Write(make([]byte, DefaultBuffer+1)) })
		synctest.Wait()
		require.NoError(t, b.Close())
		r := <-writing
		require.Equal(t, DefaultBuffer, r.n)
		require.ErrorIs(t, r.err, syscall.ECONNRESET)
	})
}

func TestReset(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		reading := async(func() (int, error) { return a.Read(make([]byte, 1)) })
		writing := async(func() (int, error) { return a.Write(make([]byte, DefaultBuffer+1)) })
		synctest.Wait()
		b.Reset()
		for _, r := range []result{<-reading, <-writing} {
			require.ErrorIs(t, r.err, syscall.ECONNRESET)
			var op *net.OpError
			require.ErrorAs(t, r.err, &op)
			require.ErrorContains(t, r.err, "connection reset by peer")
			require.False(t, op.Timeout())
		}
		for _, c := range []*Conn{a, b} {
			_, err := c.Read(make([]byte, 1))
			require.ErrorIs(t, err, syscall.ECONNRESET, "unread bytes are lost")
			_, err = c.Write(nil)
			require.ErrorIs(t, err, syscall.ECONNRESET)
		}
	})
}

// A Write to a cut link succeeds; only a Read fails.
func TestCut(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		_, err := a.Write([]byte("before"))
		require.NoError(t, err)
		reading := async(func() (int, error) { return a.Read(make([]byte, 1)) })
		synctest.Wait()
		b.Cut()
		r := <-reading
		require.ErrorIs(t, r.err, syscall.ECONNRESET)

		n, err := a.Write(make([]byte, 2*DefaultBuffer))
		require.NoError(t, err)
		require.Equal(t, 2*DefaultBuffer, n)
		require.NoError(t, a.Close())

		got, err := io.ReadAll(b)
		require.Equal(t, "before", string(got), "bytes that have arrived can be read")
		require.ErrorIs(t, err, syscall.ECONNRESET, "a cut does not look like an end")
	})
}

func TestCutReleasesAWriter(t *testing.T) {
	bothWays(t, func(t *testing.T, a, _ *Conn) {
		t.Helper()
		writing := async(func() (int, error) { return a.Write(make([]byte, 2*DefaultBuffer)) })
		synctest.Wait()
		require.Empty(t, writing)
		a.Cut()
		require.Equal(t, result{2 * DefaultBuffer, nil}, <-writing)
	})
}

func TestEndBeforeACutIsAnEnd(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		require.NoError(t, a.Close())
		a.Cut()
		_, err := b.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
	})
}

func TestSilence(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *Conn) {
		t.Helper()
		_, err := a.Write([]byte("x"))
		require.NoError(t, err)
		a.Silence()
		_, err = a.Write(make([]byte, 2*DefaultBuffer))
		require.NoError(t, err)
		require.NoError(t, a.Close())

		_, err = b.Read(make([]byte, 1))
		require.NoError(t, err)
		reading := async(func() (int, error) { return b.Read(make([]byte, 1)) })
		time.Sleep(24 * time.Hour) // fake time: a silence does not end by itself
		synctest.Wait()
		require.Empty(t, reading)
		b.Cut()
		require.ErrorIs(t, (<-reading).err, syscall.ECONNRESET)
	})
}

func TestAddresses(t *testing.T) {
	client, server := pair(t, New())
	require.Equal(t, "server", server.LocalAddr().String())
	require.Equal(t, "mem", server.LocalAddr().Network())
	require.Equal(t, client.LocalAddr(), server.RemoteAddr())
	require.Equal(t, client.RemoteAddr(), server.LocalAddr())
}
