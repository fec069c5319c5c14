package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Clause 3.

// cancelled sends a request, waits for reached, and cancels the request. RoundTrip must fail with
// the cause although the peer does nothing.
func (p *probe) cancelled(method, url string, body io.Reader, reached <-chan struct{}) {
	p.Helper()
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	ch := p.send(p.request(ctx, method, url, body))
	p.awaitDuring("the request reaches its peer", reached, ch)
	cancel(errCause)
	p.wantCause("RoundTrip", p.failure(ch), errCause)
}

func cancelHeadersWithheld(p *probe) {
	arrived, gone := newGate(), newGate()
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		arrived.open()
		hold(r, nil)
		gone.open()
	})
	p.cancelled(http.MethodGet, up.URL, nil, arrived.ch)
	p.await("the upstream sees that the request was canceled", gone.ch)
}

func deadlineHeadersWithheld(p *probe) {
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		hold(r, nil)
	})
	ctx, cancel := context.WithTimeoutCause(p.ctx, time.Millisecond, errCause)
	defer cancel()
	ch := p.send(p.request(ctx, http.MethodGet, up.URL, nil))
	p.wantCause("RoundTrip", p.failure(ch), errCause)
}

func cancelNeverAccepted(p *probe) {
	body := newBodySpy(zeros{}, nil)
	p.cancelled(http.MethodPost, p.peer(nil), body, body.read)
}

func cancelPeerNeverReads(p *probe) {
	release, accepted := newGate(), newGate()
	defer release.open()
	url := p.peer(func(net.Conn) {
		accepted.open()
		<-release.ch
	})
	body := newBodySpy(io.LimitReader(zeros{}, 16<<20), io.EOF)
	p.cancelled(http.MethodPost, url, body, accepted.ch)
	p.await("the request's body is closed", body.closed)
}

func cancelRequestBodyBlocks(p *probe) {
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) { drain(r) })
	body := newBodySpy(eof{}, nil)
	p.cancelled(http.MethodPost, up.URL, body, body.read)
	p.await("the request's body is closed", body.closed)
}

func cancelBeforeCall(p *probe) {
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) { hold(r, nil) })
	ctx, cancel := context.WithCancelCause(p.ctx)
	cancel(errCause)
	body := newBodySpy(eof{}, io.EOF)
	p.wantCause("RoundTrip", p.failure(p.send(p.request(ctx, http.MethodPost, up.URL, body))), errCause)
	p.await("the request's body is closed", body.closed)
}

// Clause 4.

func cancelReadBlocked(p *probe) {
	gone := newGate()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		firstPiece(w, r)
		gone.open()
	})
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	resp := p.roundTrip(p.request(ctx, http.MethodGet, up.URL, nil))
	p.readPiece(resp.Body, "first")
	read := beginRead(resp.Body, make([]byte, 16))
	cancel(errCause)
	p.wantCause("Read", p.end("Read after the context ended", read).err, errCause)
	p.wantSticky(resp.Body)
	p.await("the upstream sees that the request was canceled", gone.ch)
}

func cancelBetweenReads(p *probe) {
	up := p.upstream(firstPiece)
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	resp := p.roundTrip(p.request(ctx, http.MethodGet, up.URL, nil))
	p.readPiece(resp.Body, "first")
	cancel(errCause)
	_, err := p.readAll(resp.Body)
	p.wantCause("Read", err, errCause)
	if errors.Is(err, io.EOF) {
		p.Fatalf("error %q is io.EOF", err)
	}
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }
