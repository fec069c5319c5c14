package transporttest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// Clause 11.

const openAtOnce = 4

// cut cuts the link with Config.CutLink, or with atUpstream if CutLink is nil.
func (p *probe) cut(atUpstream func(*cutListener), up *upstream) {
	p.Helper()
	if p.cfg.CutLink != nil {
		p.cfg.CutLink(p.t, p.rt)
		return
	}
	atUpstream(up.ln)
}

// lossBeforeHeaders cuts the link while requests wait for their responses.
func (p *probe) lossBeforeHeaders(lose func(*cutListener)) {
	p.Helper()
	var executed atomic.Int32
	all := newGate()
	up := p.upstream(func(_ http.ResponseWriter, r *http.Request) {
		drain(r)
		if executed.Add(1) == openAtOnce {
			all.open()
		}
		hold(r, nil)
	})
	var open []<-chan outcome
	for range openAtOnce {
		open = append(open, p.send(p.post(up.URL)))
	}
	p.await("all requests reach the upstream", all.ch)
	p.cut(lose, up)
	for _, ch := range open {
		p.wantCut("RoundTrip on a lost link", p.failure(ch))
	}
	if n := executed.Load(); n != openAtOnce {
		p.Fatalf("%d requests were executed %d times", openAtOnce, n)
	}
}

// lossInBody cuts the link while bodies are open. On one of them a Read is in progress.
func (p *probe) lossInBody(handler http.HandlerFunc, lose func(*cutListener)) {
	p.Helper()
	up := p.upstream(handler)
	var bodies []io.Reader
	for range openAtOnce {
		resp := p.roundTrip(p.post(up.URL))
		p.readPiece(resp.Body, "first")
		bodies = append(bodies, resp.Body)
	}
	blocked := beginRead(bodies[0], make([]byte, 16))
	p.cut(lose, up)
	p.wantCut("Read on a lost link", p.end("Read on a lost link", blocked).err)
	p.wantSticky(bodies[0])
	for _, body := range bodies[1:] {
		_, err := p.readAll(body)
		p.wantCut("the body on a lost link", err)
		p.wantSticky(body)
	}
}

func firstPiece(w http.ResponseWriter, r *http.Request) {
	drain(r)
	piece(w, "first")
	hold(r, nil)
}

func firstPieceOf1000(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	firstPiece(w, r)
}

// Clause 12.

const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

var garbage = map[string]string{
	"no status line":         "\x00\x01\x02garbage\r\n\r\n",
	"another protocol":       "SSH-2.0-OpenSSH_9.9\r\n",
	"status not a number":    "HTTP/1.1 abc OK\r\n\r\n",
	"header without colon":   "HTTP/1.1 200 OK\r\nnocolon\r\n\r\n",
	"header cut short":       "HTTP/1.1 200 OK\r\nContent-Le",
	"nothing":                "",
	"length not a number":    "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
	"negative length":        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
	"two lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"less than the length":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello",
	"chunk size not hex":     chunked + "zz\r\nhello\r\n0\r\n\r\n",
	"chunk size overflows":   chunked + "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
	"chunk longer than said": chunked + "5\r\nhelloXXXX\r\n0\r\n\r\n",
	"no last chunk":          chunked + "5\r\nhello\r\n",
	"unknown encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nhello",
}

func brokenWire(p *probe) {
	for what, raw := range garbage {
		p.wantBroken(what, answer(raw))
	}
	p.wantUsable()
}

// wantBroken checks that RoundTrip or the body fails within the guard time. It skips a violation
// that the configuration declares undetected.
func (p *probe) wantBroken(what string, serve func(net.Conn)) {
	p.Helper()
	if reason, ok := p.cfg.Undetected[what]; ok {
		p.t.Logf("declared undetected: %s: %s", what, reason)
		return
	}
	o := p.end("RoundTrip to a peer that sends "+what, p.send(p.post(p.peer(serve))))
	if o.err == nil {
		_, o.err = p.readAll(o.resp.Body)
		p.closeBody(o.resp.Body)
	}
	p.wantCut("peer that sends "+what, o.err)
}

// wantUsable checks that the transport still works after one peer misbehaved.
func (p *probe) wantUsable() {
	p.Helper()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		piece(w, "fine")
	})
	p.wantBody(p.roundTrip(p.post(up.URL)).Body, "fine")
}

func floodedWire(p *probe) {
	for what, flood := range map[string][2]string{
		"endless headers":       {"HTTP/1.1 200 OK\r\n", "X-Flood: " + strings.Repeat("a", 1000) + "\r\n"},
		"an endless header":     {"HTTP/1.1 200 OK\r\nX-Flood: ", strings.Repeat("a", 1000)},
		"an endless status":     {"HTTP/1.1 200 ", strings.Repeat("a", 1000)},
		"endless informational": {"", "HTTP/1.1 103 Early Hints\r\nLink: " + strings.Repeat("a", 1000) + "\r\n\r\n"},
	} {
		p.wantBroken(what, func(c net.Conn) {
			if err := readRequest(c); err != nil {
				return
			}
			block := bytes.Repeat([]byte(flood[1]), 32)
			_, err := io.WriteString(c, flood[0])
			for err == nil {
				_, err = c.Write(block)
			}
		})
	}
	p.wantUsable()
}
