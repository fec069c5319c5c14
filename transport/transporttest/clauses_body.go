package transporttest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Clauses 1 and 2.

func headersBeforeBody(p *probe) {
	release := newGate()
	defer release.open()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		w.Header().Set("X-Test", "seen")
		w.WriteHeader(http.StatusAccepted)
		w.(http.Flusher).Flush()
		hold(r, release.ch)
		piece(w, "late")
	})
	resp := p.roundTrip(p.post(up.URL))
	if resp.StatusCode != http.StatusAccepted || resp.Header.Get("X-Test") != "seen" {
		p.Fatalf("got status %d, header %v", resp.StatusCode, resp.Header)
	}
	release.open()
	p.wantBody(resp.Body, "late")
}

func readWhatIsThere(p *probe) {
	more := make(chan struct{})
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		for _, s := range []string{"a", "bc", "data: x\n\n", strings.Repeat("z", 3000)} {
			hold(r, more)
			piece(w, s)
		}
	})
	ch := p.send(p.get(up.URL))
	p.signal(more)
	resp := p.response(ch)
	p.readPiece(resp.Body, "a")
	for _, s := range []string{"bc", "data: x\n\n", strings.Repeat("z", 3000)} {
		p.signal(more)
		p.readPiece(resp.Body, s)
	}
	p.wantBody(resp.Body, "")
}

// Clause 5.

// openBody returns a response after reading the first piece of its body. The channel is closed when
// the upstream sees that the client has released the body.
func (p *probe) openBody() (*http.Response, <-chan struct{}) {
	p.Helper()
	gone := newGate()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		firstPiece(w, r)
		gone.open()
	})
	resp := p.roundTrip(p.post(up.URL))
	p.readPiece(resp.Body, "first")
	return resp, gone.ch
}

func closePeerSilent(p *probe) {
	resp, gone := p.openBody()
	p.closeBody(resp.Body)
	p.closeBody(resp.Body)
	p.await("the upstream sees the body closed", gone)
}

func closeReadBlocked(p *probe) {
	resp, gone := p.openBody()
	read := beginRead(resp.Body, make([]byte, 16))
	p.closeBody(resp.Body)
	if o := p.end("Read of a closed body", read); o.err == nil || errors.Is(o.err, io.EOF) {
		p.Fatalf("Read of a closed body returned %d, %v", o.n, o.err)
	}
	p.await("the upstream sees the body closed", gone)
}

func closeAfterEnd(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, _ *http.Request) { piece(w, "whole") })
	resp := p.roundTrip(p.get(up.URL))
	p.wantBody(resp.Body, "whole")
	p.closeBody(resp.Body)
	p.closeBody(resp.Body)
}

func closeMuchUnread(p *probe) {
	gone := newGate()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		endlessly(w, r)
		gone.open()
	})
	resp := p.roundTrip(p.get(up.URL))
	p.readPiece(io.LimitReader(resp.Body, 1), "\x00")
	p.closeBody(resp.Body)
	p.closeBody(resp.Body)
	p.await("the upstream sees the body closed", gone.ch)
}

func endlessly(w http.ResponseWriter, r *http.Request) {
	block := make([]byte, 32<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// Clause 6.

func stalledReader(p *probe) {
	const size = 64 << 20
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/big" {
			_, _ = io.Copy(w, io.LimitReader(zeros{}, size))
			return
		}
		drain(r)
		piece(w, "small")
	})
	big := p.roundTrip(p.get(up.URL + "/big"))
	p.readPiece(io.LimitReader(big.Body, 1), "\x00")
	for range 16 {
		resp := p.roundTrip(p.post(up.URL))
		p.wantBody(resp.Body, "small")
	}
	// A RoundTripper that buffers may overflow and fail. But a truncated body must not look
	// complete.
	var n int64
	o := p.end("reading the stalled body", begin(func() outcome {
		var err error
		n, err = io.Copy(io.Discard, big.Body)
		return outcome{err: err}
	}))
	if o.err == nil && n != size-1 {
		p.Fatalf("the stalled body ended after %d bytes of %d without an error", n+1, size)
	}
}

// Clause 15.

func gzipped(s string) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return buf.Bytes()
}

// gzip checks that a gzip body arrives unchanged. The request has accept in its Accept-Encoding, if
// it is not empty. Without one, identity may arrive at the upstream.
func (p *probe) gzip(accept string) {
	p.Helper()
	raw := gzipped(strings.Repeat("compress me ", 100))
	got := make(chan string, 1)
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		got <- strings.Join(r.Header.Values("Accept-Encoding"), "|")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(raw)
	})
	req := p.get(up.URL)
	if accept != "" {
		req.Header.Set("Accept-Encoding", accept)
	}
	resp := p.roundTrip(req)
	if sent := <-got; sent != accept && (accept != "" || sent != "identity") {
		p.Errorf("Accept-Encoding %q arrived at the upstream, want %q as the caller set it", sent, accept)
	}
	if enc := resp.Header.Get("Content-Encoding"); enc != "gzip" || resp.Uncompressed {
		p.Errorf("Content-Encoding is %q, Uncompressed %t: the body was decoded", enc, resp.Uncompressed)
	}
	p.wantBody(resp.Body, string(raw))
}
