package link

import (
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestPipe(t *testing.T) {
	a, b := Pipe(3)
	message := []byte("one")
	require.NoError(t, a.Send(message))
	message[0] = 'x' // the sender may reuse its message
	require.NoError(t, a.Send([]byte("two")))
	require.False(t, b.Quiet())
	for _, want := range []string{"one", "two"} {
		got, err := b.Receive()
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.True(t, b.Quiet())
	require.NoError(t, a.Send([]byte("long")))
	_, err := b.Receive()
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestPipeIsClosed(t *testing.T) {
	a, b := Pipe(3)
	require.NoError(t, a.Send([]byte("one")))
	require.NoError(t, a.Close())
	require.NoError(t, a.Close())
	_, err := a.Receive()
	require.Equal(t, net.ErrClosed, err)
	require.Equal(t, net.ErrClosed, a.Send(nil))
	require.Error(t, b.Send(nil))
	got, err := b.Receive()
	require.NoError(t, err)
	require.Equal(t, "one", string(got))
	require.False(t, b.Quiet())
	_, err = b.Receive()
	require.Equal(t, io.EOF, err)
	requireFinal(t, b, io.EOF)

	a, b = Pipe(3)
	require.NoError(t, a.Send([]byte("one")))
	a.Cut()
	_, err = b.Receive()
	require.Equal(t, io.ErrUnexpectedEOF, err, "messages in transit are lost")
	require.Error(t, a.Send(nil))
	require.Error(t, b.Send(nil))
}

func TestClosingAPipeEndsSendAndReceive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []func(near, far *PipeEnd){
			func(near, _ *PipeEnd) { near.Close() }, func(_, far *PipeEnd) { far.Close() },
			func(near, _ *PipeEnd) { near.Cut() }, func(_, far *PipeEnd) { far.Cut() },
		} {
			near, far := Pipe(3)
			sent := async(func() (err error) {
				for err == nil {
					err = near.Send([]byte("one"))
				}
				return err
			})
			received := async(receive(near))
			synctest.Wait()
			require.Empty(t, sent)
			require.Empty(t, received)
			end(near, far)
			require.Error(t, <-sent)
			require.Error(t, <-received)
		}
	})
}
