package executor_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/exectest"
	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

// pattern returns n bytes whose values depend on their positions, starting at position from.
func pattern(from, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte((from + i) * 2654435761 >> 11)
	}
	return string(b)
}

// On a shared link, a body that is read too slowly fails after its buffered part has been read. The
// other bodies are not affected.
func TestOverflow(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{Shared: true, Buffer: 1000})
		r, resp := w.open(t.Context(), w.l)
		other, otherResp := w.open(t.Context(), w.l)
		for i := range 12 {
			r.Piece(pattern(i*99, 99))
			other.Piece(pattern(i*10, 10))
		}
		synctest.Wait()
		w.works(w.l)
		requireBody(t, resp, pattern(0, 990), func(err error) {
			requireStage(t, err, transport.MaybeSent, false)
			require.ErrorIs(t, err, executor.ErrOverflow)
		})
		other.Done()
		requireBody(t, otherResp, pattern(0, 120), nil)
		r.Done()
		synctest.Wait()
		w.works(w.l)
		require.Equal(t, 1, w.x.Dials())
	})
}

// A single piece that is larger than the whole buffer is accepted, because it could never be read
// otherwise.
func TestPieceLargerThanTheBuffer(t *testing.T) {
	inBothModes(t, executor.Options{Buffer: 1000}, func(w *world) {
		r, resp := w.open(w.Context(), w.l)
		r.Piece(pattern(0, 1<<20))
		r.Done()
		requireBody(w, resp, pattern(0, 1<<20), nil)
	})
}

func TestOverflowOfAllBodies(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{Shared: true, BufferAll: 1000})
		var rs []*exectest.Request
		var resps []*http.Response
		for i := range 4 {
			r, resp := w.open(t.Context(), w.l)
			r.Piece(pattern(i*300, 300))
			rs, resps = append(rs, r), append(resps, resp)
		}
		synctest.Wait()
		requireBody(t, resps[3], "", func(err error) { require.ErrorIs(t, err, executor.ErrOverflow) })
		for i := range 3 {
			rs[i].Done()
			requireBody(t, resps[i], pattern(i*300, 300), nil)
		}
		for i := range 6 { // bodies that were read, or closed unread, do not count towards the limit
			r, resp := w.open(t.Context(), w.l)
			r.Piece(pattern(0, 900))
			r.Done()
			synctest.Wait()
			if i&1 == 0 {
				requireBody(t, resp, pattern(0, 900), nil)
			}
			require.NoError(t, resp.Body.Close())
		}
		require.Equal(t, 1, w.x.Dials())
	})
}

// Before the head has arrived, a body cannot wait for room, even on a separate link, because no
// caller could read the body yet.
func TestOverflowBeforeTheHead(t *testing.T) {
	inBothModes(t, executor.Options{Buffer: 1000}, func(w *world) {
		r, ch := w.begin(w.Context(), w.l)
		r.Piece(pattern(0, 900))
		r.Piece(pattern(0, 900))
		err := w.failed(ch)
		requireStage(w, err, transport.MaybeSent, false)
		require.ErrorIs(w, err, executor.ErrOverflow)
	})
}

// If a reader with a separate link is slow, only the executor waits. The unread bytes are bounded,
// and nothing is lost when the reader continues.
func TestStalledReader(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		const piece, pieces = 64 << 10, 100
		w := newWorld(t, executor.Options{})
		r, resp := w.open(t.Context(), w.l)
		sent := make(chan int, 1)
		progress := 0
		go func() {
			for i := range pieces {
				r.Piece(pattern(i*piece, piece))
				progress = i + 1
			}
			r.Done()
			sent <- pieces
		}()
		pending(t, sent)
		// At most 256 KiB are unread. In addition, the link's reader holds one piece, and 64
		// messages are in the pipe.
		require.LessOrEqual(t, progress, 256<<10/piece+1+64)
		l := w.worksOnNewLink()
		w.works(l)
		got := make([]byte, 100_000)
		_, err := io.ReadFull(resp.Body, got)
		require.NoError(t, err)
		pending(t, sent)
		w.works(l)
		rest, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.True(t, pattern(0, piece*pieces) == string(got)+string(rest), "the body is not what was sent")
		require.Equal(t, pieces, <-sent)
		require.NoError(t, resp.Body.Close())
		w.works(w.l) // and its link can be used again
	})
}

// Reads with buffers of every size return the same bytes.
func TestReadsOfAllSizes(t *testing.T) {
	inBothModes(t, executor.Options{}, func(w *world) {
		for _, size := range []int{1, 7, 1000, 1 << 20} {
			r, resp := w.open(w.Context(), w.l)
			total := 0
			for _, n := range []int{1, 2, 3, 5000, 100, 600_000, 0, 10} {
				r.Piece(pattern(total, n))
				total += n
			}
			r.Done()
			n, err := resp.Body.Read(nil)
			require.NoError(w, err)
			require.Zero(w, n)
			var got bytes.Buffer
			_, err = io.CopyBuffer(&got, onlyReader{resp.Body}, make([]byte, size))
			require.NoError(w, err)
			require.True(w, pattern(0, total) == got.String())
			require.NoError(w, resp.Body.Close())
			synctest.Wait()
		}
	})
}

type onlyReader struct{ io.Reader }

// Close of the Transport ends a link's reader that is waiting for a slow consumer.
func TestCloseWhileAReaderIsStalled(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{})
		r, resp := w.open(t.Context(), w.l)
		for range 5 {
			r.Piece(strings.Repeat("x", 100<<10))
		}
		synctest.Wait()
		require.NoError(t, w.rt.Close())
		_, err := io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, transport.ErrClosed)
	})
}

// A body can be closed while its link's reader waits for room in it.
func TestCloseOfAStalledBody(t *testing.T) {
	fake(t, "", func(t *testing.T) {
		w := newWorld(t, executor.Options{MaxLinks: 2})
		for range 4 {
			r, resp := w.open(t.Context(), w.l)
			for range 5 {
				r.Piece(strings.Repeat("x", 100<<10))
			}
			synctest.Wait()
			require.NoError(t, resp.Body.Close())
			w.l = w.worksOnNewLink()
		}
	})
}

func TestDeclaredLength(t *testing.T) {
	length := execproto.Header{Name: "content-length", Value: "5"}
	inBothModes(t, executor.Options{}, func(w *world) {
		r, resp := w.open(w.Context(), w.l, length)
		require.Equal(w, int64(5), resp.ContentLength)
		r.Piece("hello")
		r.Done()
		requireBody(w, resp, "hello", nil)

		r, resp = w.open(w.Context(), w.l, length)
		r.Piece("hel")
		r.Done()
		requireBody(w, resp, "hel", func(err error) {
			requireStage(w, err, transport.MaybeSent, false, "3 bytes of 5")
			require.ErrorIs(w, err, io.ErrUnexpectedEOF)
		})

		r, ch := w.begin(w.Context(), w.l) // even when the body arrived before its head
		r.Piece("hel")
		r.Done()
		r.Head(http.StatusOK, length)
		requireBody(w, w.response(ch), "hel", func(err error) { require.ErrorIs(w, err, io.ErrUnexpectedEOF) })

		r, resp = w.open(w.Context(), w.l, length)
		r.Piece("hello")
		r.Piece(", world")
		requireTooLong(w, resp)
	})
	inBothModes(t, executor.Options{}, func(w *world) {
		r, ch := w.begin(w.Context(), w.l)
		r.Piece("hello, world")
		r.Head(http.StatusOK, length)
		if o := <-ch; o.err == nil {
			requireTooLong(w, o.resp)
		} else {
			requireStage(w, o.err, transport.MaybeSent, false, "more than the 5 bytes")
		}
	})
}

func requireTooLong(w *world, resp *http.Response) {
	w.Helper()
	_, err := io.ReadAll(resp.Body)
	requireStage(w, err, transport.MaybeSent, false, "more than the 5 bytes")
	require.ErrorAs(w, err, new(*executor.ProtocolError))
}
