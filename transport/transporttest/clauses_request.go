package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
)

// Clause 7.

// watched is a request with a copy of its state before it was sent.
type watched struct {
	p      *probe
	req    *http.Request
	before http.Request
	header http.Header
	url    string
	body   *bodySpy
}

func (p *probe) watched(ctx context.Context, url string, body *bodySpy) *watched {
	p.Helper()
	req := p.request(ctx, http.MethodPost, url, body)
	req.Header.Set("X-Test", "value")
	req.Header["x-odd-spelling"] = []string{"kept"}
	req.ContentLength = -1
	return &watched{p: p, req: req, before: *req, header: req.Header.Clone(), url: req.URL.String(), body: body}
}

// check checks that the request was not changed. It is called after the exchange has ended.
func (w *watched) check() {
	w.p.Helper()
	now, was := w.req, &w.before
	switch {
	case !reflect.DeepEqual(now.Header, w.header):
		w.p.Errorf("the request's header was changed: %v, was %v", now.Header, w.header)
	case now.URL != was.URL || now.URL.String() != w.url:
		w.p.Errorf("the request's URL was changed: %v, was %s", now.URL, w.url)
	case now.Method != was.Method || now.Host != was.Host || now.ContentLength != was.ContentLength || now.Close != was.Close:
		w.p.Errorf("the request's method, host, length or Close was changed")
	case now.Body != was.Body:
		w.p.Errorf("the request's body was replaced")
	case now.GetBody != nil:
		w.p.Errorf("the request was given a GetBody")
	case now.Context() != was.Context():
		w.p.Errorf("the request's context was replaced")
	}
	w.p.await("the request's body is closed", w.body.closed)
}

// fails checks that RoundTrip fails and leaves the request unchanged.
func (w *watched) fails() {
	w.p.Helper()
	_ = w.p.failure(w.p.send(w.req))
	w.check()
}

func requestAnswered(p *probe) {
	got := make(chan string, 1)
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("X-Test") + " " + strings.Join(r.Header["X-Odd-Spelling"], "") + " " + string(data)
	})
	w := p.watched(p.ctx, up.URL, newBodySpy(strings.NewReader("hello"), io.EOF))
	resp := p.roundTrip(w.req)
	p.wantBody(resp.Body, "")
	if seen := <-got; seen != "value kept hello" {
		p.Errorf("the upstream saw %q, want %q", seen, "value kept hello")
	}
	w.check()
}

func requestAnsweredEarly(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
	})
	w := p.watched(p.ctx, up.URL, newBodySpy(io.LimitReader(zeros{}, 64<<20), io.EOF))
	// A reset follows the early response and may overtake it. RoundTrip may then return the
	// response or an error.
	if o := p.end("RoundTrip", p.send(w.req)); o.err == nil {
		p.closeBody(o.resp.Body)
	}
	w.check()
}

func requestRefused(p *probe) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatalf("listen: %v", err)
	}
	_ = ln.Close() // no server listens there any more
	w := p.watched(p.ctx, "http://"+ln.Addr().String(), newBodySpy(eof{}, io.EOF))
	w.fails()
}

func requestBadScheme(p *probe) {
	w := p.watched(p.ctx, "gopher://127.0.0.1/", newBodySpy(eof{}, io.EOF))
	w.fails()
}

func requestCancelled(p *probe) {
	arrived := newGate()
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		arrived.open()
		hold(r, nil)
	})
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	w := p.watched(ctx, up.URL, newBodySpy(strings.NewReader(strings.Repeat("x", 512<<10)), io.EOF))
	ch := p.send(w.req)
	p.await("the request reaches the upstream", arrived.ch)
	cancel(errCause)
	_ = p.failure(ch)
	w.check()
}

func requestBodyFails(p *probe) {
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) { drain(r) })
	w := p.watched(p.ctx, up.URL, newBodySpy(strings.NewReader("hel"), errors.New("the disk is gone")))
	// A server may answer a truncated request. The RoundTripper must not return that answer as a
	// success.
	w.fails()
}

// Clauses 8, 9 and 10.

func statusNeverError(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		code, _ := strconv.Atoi(r.URL.Path[1:]) // what the loop below sends
		w.WriteHeader(code)
	})
	for _, code := range []int{
		200, 201, 202, 203, 204, 205, 206, 304, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411,
		412, 413, 415, 421, 422, 425, 426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 511, 599,
	} {
		resp := p.roundTrip(p.post(up.URL + "/" + strconv.Itoa(code)))
		if resp.StatusCode != code {
			p.Fatalf("status is %d, want %d", resp.StatusCode, code)
		}
		p.wantBody(resp.Body, "")
		p.closeBody(resp.Body)
	}
}

func redirectsReturned(p *probe) {
	var followed atomic.Int32
	code := make(chan int, 1)
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		if r.URL.Path == "/target" {
			followed.Add(1)
			return
		}
		w.Header().Set("Location", "/target?a=b")
		w.WriteHeader(<-code)
	})
	for _, c := range []int{301, 302, 303, 307, 308} {
		for _, req := range []*http.Request{p.get(up.URL), p.post(up.URL)} {
			code <- c
			resp := p.roundTrip(req)
			if resp.StatusCode != c || resp.Header.Get("Location") != "/target?a=b" {
				p.Fatalf("%s: got status %d, Location %q; want %d and the Location as sent",
					req.Method, resp.StatusCode, resp.Header.Get("Location"), c)
			}
			p.closeBody(resp.Body)
		}
	}
	if n := followed.Load(); n != 0 {
		p.Fatalf("%d redirects were followed", n)
	}
}

func responseLengths(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		if r.URL.Path == "/known" {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
			return
		}
		piece(w, "hel")
		piece(w, "lo")
	})
	for path, length := range map[string]int64{"/known": 5, "/unknown": -1} {
		req := p.post(up.URL + path)
		resp := p.roundTrip(req)
		p.wantComplete(path, resp, req)
		if resp.ContentLength != length {
			p.Errorf("%s: ContentLength is %d, want %d", path, resp.ContentLength, length)
		}
		p.wantBody(resp.Body, "hello")
	}
}

func (p *probe) wantComplete(what string, resp *http.Response, req *http.Request) {
	p.Helper()
	if resp.Header == nil {
		p.Errorf("%s: the response's header is nil", what)
	}
	if resp.Request != req {
		p.Errorf("%s: Response.Request is not the request that was passed in", what)
	}
}

func responseNoBody(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		if r.URL.Path == "/none" {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for what, req := range map[string]*http.Request{
		"204":   p.post(up.URL + "/none"),
		"empty": p.post(up.URL),
		"HEAD":  p.request(p.ctx, http.MethodHead, up.URL, nil),
	} {
		resp := p.roundTrip(req)
		p.wantComplete(what, resp, req)
		p.wantBody(resp.Body, "")
		p.closeBody(resp.Body)
	}
}
