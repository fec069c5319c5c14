package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// Clause 13.

func (p *probe) closer() io.Closer {
	p.Helper()
	c, ok := p.rt.(io.Closer)
	if !ok {
		p.Fatalf("%T has no Close; if that is intended, declare clause 13 in Config.CannotGive", p.rt)
	}
	return c
}

func closeOpenExchanges(p *probe) {
	c := p.closer()
	arrived := newGate()
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		if r.URL.Path == "/body" {
			piece(w, "first")
		} else {
			arrived.open()
		}
		hold(r, nil)
	})
	resp := p.roundTrip(p.post(up.URL + "/body"))
	p.readPiece(resp.Body, "first")
	read := beginRead(resp.Body, make([]byte, 16))
	ch := p.send(p.post(up.URL))
	p.await("the request reaches the upstream", arrived.ch)

	p.end("Close of the transport", begin(func() outcome { return outcome{err: c.Close()} }))
	p.wantCut("RoundTrip during Close", p.failure(ch))
	p.wantCut("Read during Close", p.end("Read during Close", read).err)
	p.end("second Close of the transport", begin(func() outcome { return outcome{err: c.Close()} }))

	body := newBodySpy(eof{}, io.EOF)
	err := p.failure(p.send(p.request(p.ctx, http.MethodPost, up.URL, body)))
	if transport.StageOf(err) != transport.NotSent || !transport.IsPermanent(err) || !errors.Is(err, transport.ErrClosed) {
		p.Errorf("RoundTrip after Close failed with %q; want stage %q, permanent, wrapping ErrClosed", err, transport.NotSent)
	}
	p.await("the request's body is closed", body.closed)
}

func closeGoroutines(p *probe) {
	c := p.closer()
	before := goroutines()
	up := p.upstream(firstPiece)
	for range openAtOnce {
		resp := p.roundTrip(p.post(up.URL))
		p.readPiece(resp.Body, "first")
	}
	p.end("Close of the transport", begin(func() outcome { return outcome{err: c.Close()} }))
	p.mu.Lock()
	ends := p.ends
	p.mu.Unlock()
	p.end("the upstream, which waits until its clients have disconnected,", begin(func() outcome {
		for _, end := range ends { // after these, only the transport's goroutines are left
			end()
		}
		return outcome{}
	}))
	late := time.After(p.cfg.Guard)
	again := time.NewTicker(time.Millisecond) // nothing signals the end of a goroutine
	defer again.Stop()
	for {
		var left []string
		for id, stack := range goroutines() {
			if _, old := before[id]; !old {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-again.C:
		case <-late:
			p.Fatalf("after Close %d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
		}
	}
}

// goroutines returns the stacks of all other goroutines of the process, by goroutine ID.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := strings.Split(string(buf), "\n\n")
	byID := make(map[string]string, len(stacks))
	for _, s := range stacks[1:] { // the first stack is that of this goroutine
		id, _, _ := strings.Cut(s, " [")
		byID[id] = s
	}
	return byID
}

// Clause 14.

func hundredMixed(p *probe) {
	up := p.upstream(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/stream":
			drain(r)
			for i := range 10 {
				piece(w, fmt.Sprintf("%s-%d\n", r.URL.RawQuery, i))
			}
		case "/open":
			drain(r)
			piece(w, r.URL.RawQuery)
			hold(r, nil)
		case "/fail":
			drain(r)
			w.WriteHeader(http.StatusBadGateway)
			piece(w, r.URL.RawQuery)
		default:
			data, _ := io.ReadAll(r.Body)
			_, _ = w.Write(data)
		}
	})
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for i := range 100 {
		wg.Go(func() { errs <- p.mixed(up.URL, i) })
	}
	p.end("a hundred exchanges at once", begin(func() outcome { wg.Wait(); return outcome{} }))
	close(errs)
	for err := range errs {
		if err != nil {
			p.Errorf("%v", err)
		}
	}
}

// mixed performs exchange number i, and checks that it gets its own response.
func (p *probe) mixed(base string, i int) error {
	ctx, cancel := context.WithCancelCause(p.ctx)
	defer cancel(nil)
	name := fmt.Sprintf("exchange-%d", i)
	var path, sent, want string
	switch i % 5 {
	case 0:
		sent = strings.Repeat(name, 100<<10/len(name))
		want = sent
	case 1:
		path = "/stream?" + name
		var lines strings.Builder
		for k := range 10 {
			fmt.Fprintf(&lines, "%s-%d\n", name, k)
		}
		want = lines.String()
	case 2:
		path, want = "/fail?"+name, name
	default:
		path, want = "/open?"+name, name
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+path, strings.NewReader(sent))
	if err != nil {
		return err
	}
	resp, err := p.rt.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer resp.Body.Close()
	got := make([]byte, len(want))
	if _, err = io.ReadFull(resp.Body, got); err != nil || string(got) != want {
		return fmt.Errorf("%s: body begins %.60q, want %.60q: %w", name, got, want, err)
	}
	switch i % 5 {
	case 3: // canceled: the body must end with the cause
		cancel(errCause)
		if _, err = io.Copy(io.Discard, resp.Body); !errors.Is(err, errCause) {
			return fmt.Errorf("%s: body after cancel ended with %w", name, err)
		}
	case 4: // closed early by the defer
	default:
		if n, err := io.Copy(io.Discard, resp.Body); n != 0 || err != nil {
			return fmt.Errorf("%s: %d bytes too many, %w", name, n, err)
		}
	}
	return nil
}
