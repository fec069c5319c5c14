package transporttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// Clause 16.

// counted is a request body that counts the bytes read from it.
type counted struct {
	io.Reader
	n atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// rests waits until nothing reads the body any more: either all of it has been sent, or the peer
// has stopped reading.
func (c *counted) rests() outcome {
	const pause, pauses = 5 * time.Millisecond, 20
	for last, same := int64(-1), 0; same < pauses; same++ {
		time.Sleep(pause)
		if now := c.n.Load(); now != last || now == 0 {
			last, same = now, 0
		}
	}
	return outcome{}
}

// peerStopsReading uses a peer that answers one request with an endless stream, and stops reading
// while another request uploads.
func peerStopsReading(p *probe) {
	uploading := newGate()
	var up *upstream
	up = p.upstream(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			up.ln.stopReading()
			uploading.open()
			hold(r, nil)
			return
		}
		for r.Context().Err() == nil { // pieces large enough to make the client send a window update for each
			piece(w, string(make([]byte, 8<<10)))
			time.Sleep(time.Millisecond)
		}
	})
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	stream := p.roundTrip(p.request(ctx, http.MethodGet, up.URL, nil))
	p.readPiece(io.LimitReader(stream.Body, 1), "\x00")

	uploadCtx, cancelUpload := context.WithCancelCause(p.ctx)
	defer cancelUpload(nil)
	body := &counted{Reader: io.LimitReader(zeros{}, 16<<20)}
	upload := p.send(p.request(uploadCtx, http.MethodPost, up.URL, body))
	p.awaitDuring("the upload reaches its peer", uploading.ch, upload)
	p.end("filling the buffers", begin(body.rests))

	read := begin(func() outcome {
		_, err := io.Copy(io.Discard, stream.Body)
		return outcome{err: err}
	})
	cancel(errCause)
	p.wantCause("Read during a stuck upload", p.end("Read during a stuck upload", read).err, errCause)
	p.closeBody(stream.Body)
	cancelUpload(errCause)
	err := p.failure(upload)
	p.wantCause("RoundTrip of the stuck upload", err, errCause)
	if errors.Is(err, io.EOF) {
		p.Errorf("error %q is io.EOF", err)
	}
}
