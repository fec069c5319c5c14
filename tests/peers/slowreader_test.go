package peers_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/executor"
)

const (
	mebi   = 1 << 20
	flood  = 64 * mebi // of a stream that nobody reads
	window = 256 << 10 // that a link of its own holds of an unread body
	spare  = 16 * mebi // for all else: messages under way, garbage
)

// pattern is a body of which each part tells where it is.
func pattern(size int) []byte {
	p := make([]byte, 0, size+16)
	for i := 0; len(p) < size; i++ {
		p = append(strconv.AppendInt(p, int64(i), 10), '\n')
	}
	return p[:size]
}

// Of the flood, and of what the neighbours get.
var wave, ripple = pattern(mebi), pattern(100 << 10)

// newFlood serves a body of flood bytes at /flood, and tells when that is over; all
// else is answered with a ripple.
func newFlood(t *testing.T) (url string, over <-chan struct{}) {
	t.Helper()
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/flood" {
			_, _ = w.Write(ripple)
			return
		}
		defer close(ended)
		for range flood / len(wave) {
			if _, err := w.Write(wave); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, ended
}

// A consumer that stops reading holds up nobody else, and costs this process what it
// was promised and no more. On a link of its own the body waits at the far
// end; on a shared link it may not wait, so it ends with an error when its
// buffer is full, after what was buffered.
func TestSlowReader(t *testing.T) {
	for _, far := range []string{"agent", "codex"} {
		for _, shared := range []bool{false, true} {
			name := far + " exclusive"
			bound := uint64(window)
			if shared {
				name = far + " shared"
				bound = executor.DefaultBuffer
			}
			t.Run(name, func(t *testing.T) {
				rt := openExecutor(t, startExecutor(t, far), &executor.Options{Shared: shared})
				url, over := newFlood(t)
				isFine(t, rt, url) // what is needed once is there
				before := heap()
				resp := get200(t, rt, url+"/flood")
				if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				if shared { // all of it is taken, or, when the buffer is full, the stream is ended with its link
					within(t, over, "the end of the flood")
				}
				most := before
				for range 50 {
					isFine(t, rt, url)
					most = max(most, heap())
				}
				t.Logf("%d KiB of heap for 64 MiB that nobody reads, %d KiB allowed", (most-before)>>10, (bound+spare)>>10)
				if most-before > bound+spare {
					t.Errorf("holds %d bytes", most-before)
				}
				rest(t, resp, shared)
				isFine(t, rt, url)
			})
		}
	}
}

// rest reads what is left of the flood.
func rest(t *testing.T, resp *http.Response, shared bool) {
	t.Helper()
	got, err := io.ReadAll(resp.Body)
	n := len(got)
	if whole := bytes.Repeat(wave, flood/mebi)[1:]; n > len(whole) || !bytes.Equal(got, whole[:n]) {
		t.Errorf("the %d bytes that came are not those that were sent", n)
	}
	switch {
	case shared && (!errors.Is(err, executor.ErrOverflow) || n < executor.DefaultBuffer*3/4 || n > executor.DefaultBuffer):
		t.Errorf("a shared link had kept %d bytes: %v", n, err)
	case !shared && (err != nil || n != flood-1):
		t.Errorf("%d bytes came: %v", n, err)
	}
	_ = resp.Body.Close()
}

// heap returns how many bytes of the heap are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func get200(t *testing.T, rt http.RoundTripper, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", resp, err)
	}
	return resp
}

// isFine makes one exchange.
func isFine(t *testing.T, rt transport.Transport, url string) {
	t.Helper()
	resp := get200(t, rt, url)
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, ripple) {
		t.Fatalf("%d other bytes, %v", len(body), err)
	}
}
