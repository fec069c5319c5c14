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
	flood  = 64 * mebi // size of a body that the client does not read
	window = 256 << 10 // how much of an unread body an exclusive link buffers
	spare  = 16 * mebi // heap allowed for messages in transit and garbage
)

// pattern returns a body in which every part encodes its position.
func pattern(size int) []byte {
	p := make([]byte, 0, size+16)
	for i := 0; len(p) < size; i++ {
		p = append(strconv.AppendInt(p, int64(i), 10), '\n')
	}
	return p[:size]
}

// wave is repeated in the body of /flood. ripple is the body of all other replies.
var wave, ripple = pattern(mebi), pattern(100 << 10)

// newFlood starts a server. At /flood it sends a body of flood bytes, and closes over when that
// response has ended. It answers all other requests with ripple.
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

// A consumer that stops reading a body does not block other exchanges, and this process buffers no
// more than documented. On an exclusive link the rest of the body waits at the executor. On a
// shared link it must not wait, because it would block the other exchanges: when the buffer is
// full, the body ends with an error after the buffered data.
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
				isFine(t, rt, url) // warms up, so that later measurements see only the flood
				before := heap()
				resp := get200(t, rt, url+"/flood")
				if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
				if shared { // the transport reads on until the buffer is full, then ends the body and its link
					within(t, over, "the end of the flood")
				}
				most := before
				for range 50 {
					isFine(t, rt, url)
					most = max(most, heap())
				}
				t.Logf("heap use is %d KiB for 64 MiB of unread data, %d KiB allowed", (most-before)>>10, (bound+spare)>>10)
				if most-before > bound+spare {
					t.Errorf("heap use is %d bytes", most-before)
				}
				rest(t, resp, shared)
				isFine(t, rt, url)
			})
		}
	}
}

// rest reads the rest of the flood and checks it. On a shared link the body must end with an error.
func rest(t *testing.T, resp *http.Response, shared bool) {
	t.Helper()
	got, err := io.ReadAll(resp.Body)
	n := len(got)
	if whole := bytes.Repeat(wave, flood/mebi)[1:]; n > len(whole) || !bytes.Equal(got, whole[:n]) {
		t.Errorf("the %d bytes received are not those sent", n)
	}
	switch {
	case shared && (!errors.Is(err, executor.ErrOverflow) || n < executor.DefaultBuffer*3/4 || n > executor.DefaultBuffer):
		t.Errorf("a shared link had buffered %d bytes: %v", n, err)
	case !shared && (err != nil || n != flood-1):
		t.Errorf("received %d bytes: %v", n, err)
	}
	_ = resp.Body.Close()
}

// heap returns the number of heap bytes in use.
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

// isFine makes one exchange and checks that it succeeds.
func isFine(t *testing.T, rt transport.Transport, url string) {
	t.Helper()
	resp := get200(t, rt, url)
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(body, ripple) {
		t.Fatalf("got %d unexpected bytes, %v", len(body), err)
	}
}
