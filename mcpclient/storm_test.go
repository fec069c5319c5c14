package mcpclient_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// To repeat a failed run, set HAWSER_TEST_TRANSPORT and the flags as the failure reports, for
// example: go test ./mcpclient -run TestStorm -storm 20000 -seed 7
var (
	stormSize = flag.Int("storm", 400, "random bad replies of TestStorm, in each era")
	stormSeed = flag.Uint64("seed", 1, "seed of the replies of TestStorm")
)

const stormWorkers = 4

// TestStorm sends random bad replies: any status, header and framing, and bodies that are parts of
// messages, out of order, mutated or truncated. Each call must return in time, each error must have
// a kind, no tool may run twice, and NotRun must never be reported for a tool that ran.
func TestStorm(t *testing.T) {
	log.SetOutput(io.Discard) // silences net/http, which logs unsolicited replies
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		t.Run(era.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newStorm(t, era).run() })
		})
	}
}

type storm struct {
	t     *testing.T
	era   mcptest.Era
	srv   *mcptest.Server
	s     *mcpclient.Session
	mu    sync.Mutex
	ran   map[int]int // number of executions, by call; guarded by mu
	tries map[int]int // number of requests, by call; guarded by mu
	kinds map[mcpclient.Kind]int
}

func newStorm(t *testing.T, era mcptest.Era) *storm {
	t.Helper()
	s := &storm{t: t, era: era, srv: newServer(mode{era, true}), ran: map[int]int{}, tries: map[int]int{}, kinds: map[mcpclient.Kind]int{}}
	s.srv.SetIntercept(s.intercept)
	s.s = serve(t, s.srv, mcpclient.Options{
		Timeouts: mcpclient.Timeouts{Idle: 20 * time.Second, Try: 10 * time.Second},
		Limits:   mcpclient.Limits{Body: 1 << 20, Event: 1 << 20},
	})
	return s
}

func (s *storm) run() {
	var workers sync.WaitGroup
	for w := range stormWorkers {
		workers.Go(func() {
			for n := w + 1; n <= *stormSize; n += stormWorkers {
				s.call(n)
			}
		})
	}
	workers.Wait()
	s.srv.SetIntercept(nil)
	start := time.Now()
	for {
		_, err := s.s.CallTool(s.t.Context(), "echo", nil)
		if err == nil {
			break
		}
		require.Less(s.t, time.Since(start), time.Minute, "the session does not recover: %v", err)
		time.Sleep(time.Second)
	}
	s.t.Logf("seed %d: outcomes %v", *stormSeed, s.kinds)
}

// call makes call number n and checks that its outcome agrees with how often the tool ran.
func (s *storm) call(n int) {
	start, returned := time.Now(), false
	_, err := s.s.CallTool(s.t.Context(), "echo", map[string]any{"n": n}, mcpclient.OnProgress(func(context.Context, mcpclient.Progress) {
		if returned {
			s.t.Errorf("seed %d, call %d: progress after the return", *stormSeed, n)
		}
	}))
	returned = true
	if took := time.Since(start); took > 10*time.Minute {
		s.t.Errorf("seed %d, call %d took %v", *stormSeed, n, took)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ran, kind := s.ran[n], mcpclient.KindOf(err)
	s.kinds[kind]++
	switch {
	case ran > 1:
		s.t.Errorf("seed %d, call %d ran %d times: %v", *stormSeed, n, ran, err)
	case err == nil && ran != 1:
		s.t.Errorf("seed %d, call %d succeeded and ran %d times", *stormSeed, n, ran)
	case err != nil && kind == 0:
		s.t.Errorf("seed %d, call %d has no kind: %v", *stormSeed, n, err)
	case err != nil && mcpclient.OutcomeOf(err) == mcpclient.NotRun && ran > 0:
		s.t.Errorf("seed %d, call %d ran but is reported as not run: %v", *stormSeed, n, err)
	}
}

// intercept answers tool calls with bad replies. It counts an execution unless the reply refuses
// the request.
func (s *storm) intercept(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
	if m != nil && m.IsResponse() { // the client's response to a server request in a bad reply
		w.WriteHeader(http.StatusAccepted)
		return true
	}
	if m == nil || m.Method != "tools/call" {
		return false
	}
	var params struct{ Arguments struct{ N int } }
	if json.Unmarshal(m.Params, &params) != nil || params.Arguments.N == 0 {
		return false
	}
	n := params.Arguments.N
	s.mu.Lock()
	s.tries[n]++
	try := s.tries[n]
	s.mu.Unlock()
	d := &stormDice{rand.New(rand.NewPCG(*stormSeed, uint64(n)<<16|uint64(try))), string(m.ID), s.era == mcptest.Modern}
	refuses := d.IntN(5) == 0
	if !refuses {
		s.mu.Lock()
		s.ran[n]++
		s.mu.Unlock()
	}
	reply, abort := d.response(refuses)
	hijack(s.t, w, func(conn net.Conn, rw *bufio.ReadWriter) {
		_, _ = rw.WriteString(reply)
		_ = rw.Flush()
		if abort {
			time.Sleep(time.Millisecond)
			resetConn(conn)
		}
	})
	return true
}

// stormDice draws random replies to the request with this ID.
type stormDice struct {
	*rand.Rand
	id     string
	modern bool
}

func (d *stormDice) pick(of ...string) string { return of[d.IntN(len(of))] }

// unreadStatuses lists the statuses that a correct server sends only for requests that it did not
// process; see the assumptions in DESIGN.md, section 4.
var unreadStatuses = []int{307, 308, 401, 404, 405, 406, 411, 413, 414, 415, 421, 425, 426, 429, 431, 501, 505}

// response draws the complete text of a response. abort says whether the connection is reset after
// it.
func (d *stormDice) response(refuses bool) (text string, abort bool) {
	status := d.IntN(1000)
	switch {
	case refuses:
		status = unreadStatuses[d.IntN(len(unreadStatuses))]
	case d.IntN(2) == 0:
		status = []int{200, 200, 200, 201, 202, 204, 206, 400, 410, 422, 500, 503}[d.IntN(12)]
	}
	for !refuses && (slices.Contains(unreadStatuses, status) || status == http.StatusContinue) {
		status = d.IntN(1000)
	}
	contentType := d.pick("application/json", "application/json", "text/event-stream", "text/event-stream", "text/html", "", "x/y; z")
	body := d.body(contentType, refuses || status == http.StatusBadRequest)
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %03d Odd\r\n", status)
	if contentType != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", contentType)
	}
	b.WriteString(d.pick("", "", "", "Retry-After: 1\r\n", "Retry-After: -5\r\n", "Location: /elsewhere\r\n", "Content-Encoding: br\r\n",
		"Mcp-Session-Id: other\r\n", "X: "+strings.Repeat("x", d.IntN(5000))+"\r\n", "Connection: close\r\n", "broken\r\n"))
	switch d.IntN(4) {
	case 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", max(len(body)+d.IntN(3)-1, 0), body)
	case 1:
		fmt.Fprintf(&b, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%s", len(body), body, d.pick("0\r\n\r\n", "0\r\n\r\n", "", "zz"))
	default:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	text = b.String()
	if d.IntN(6) == 0 {
		text = text[:d.IntN(len(text))]
	}
	return text, d.IntN(8) == 0
}

// body draws the body of a response. If plain is set, the body contains no error code that proves a
// refusal.
func (d *stormDice) body(contentType string, plain bool) string {
	if contentType != "text/event-stream" {
		return d.mutated(d.message(plain))
	}
	var b strings.Builder
	for range d.IntN(6) {
		b.WriteString(d.pick("", "", "id: 7\n", "event: message\n", "event: other\n", "retry: 5\n", ": x\n", "\n", "data\n", "\xef\xbb\xbf", "\x00"))
		b.WriteString("data: " + d.mutated(d.message(plain)) + d.pick("\n\n", "\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n", ""))
	}
	return b.String()
}

// message draws text that resembles a message. Sometimes it is a good answer.
func (d *stormDice) message(plain bool) string {
	if d.IntN(5) == 0 {
		return `{"jsonrpc":"2.0","id":` + d.id + `,"result":{"content":[],"resultType":"complete"}}`
	}
	id := d.pick(d.id, d.id, d.id, `"`+d.id+`"`, "null", "999999", `"x"`, "1.5", "{}")
	code := d.pick("-32603", "-32602", "-32601", "-32600", "-32700", "-32000", "-32001", "-32042", "7", `"7"`, "1e400")
	if !plain && d.IntN(3) == 0 {
		code = d.pick("-32020", "-32021", "-32022")
	}
	result := d.pick(`{"content":[],"resultType":"complete"}`, `{"content":[],"resultType":"complete"}`, `{"content":7}`, `{}`, `[]`, `null`,
		`{"resultType":"input_required","inputRequests":{}}`, `{"resultType":"odd"}`, strings.Repeat("[", d.IntN(600)))
	return d.pick(
		`{"jsonrpc":"2.0","id":`+id+`,"result":`+result+`}`, `{"jsonrpc":"2.0","id":`+id+`,"result":`+result+`}`,
		`{"jsonrpc":"2.0","id":`+id+`,"error":{"code":`+code+`,"message":"Session not found","data":{"supported":["2026-07-28"]}}}`,
		`{"jsonrpc":"2.0","id":`+id+`,"error":{"code":`+code+`,"message":"no"}}`, `{"jsonrpc":"2.0","id":`+id+`,"error":"no"}`,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`,
		`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}`,
		`{"jsonrpc":"2.0","id":"q","method":"roots/list"}`, `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `[]`, `<html>`, ``, `null`, "\xff\xfe",
	)
}

// mutated sometimes changes some bytes of text.
func (d *stormDice) mutated(text string) string {
	if text == "" || d.IntN(4) > 0 {
		return text
	}
	b := []byte(text)
	for range 1 + d.IntN(3) {
		b[d.IntN(len(b))] = byte(d.IntN(256))
	}
	return string(b)
}
