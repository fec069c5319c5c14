package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// process is the program in a process of its own.
type process struct {
	cmd *exec.Cmd
	url string
	log string // the file that has its stderr
}

// startProcess builds the program without the race detector, which multiplies the memory that a
// program uses, and starts it.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "executor")
	built, err := exec.CommandContext(t.Context(), "go", "build", "-race=false", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, "%s", built)
	p := &process{cmd: exec.CommandContext(t.Context(), program, args...), log: filepath.Join(dir, "log")}
	log, err := os.Create(p.log)
	require.NoError(t, err)
	defer log.Close()
	p.cmd.Stderr = log
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	p.url = strings.TrimSpace(line)
	return p
}

// peakRSS returns the largest resident set of the process so far, in bytes.
func (p *process) peakRSS(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	return number(t, string(text), `VmHWM:\s*(\d+) kB`) << 10
}

// number returns the number that a pattern finds in a text.
func number(t *testing.T, text, pattern string) int64 {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, found, "no %s in %.1000s", pattern, text)
	n, err := strconv.ParseInt(found[1], 10, 64)
	require.NoError(t, err)
	return n
}

// stop ends the process with a signal, and returns the line with its counters.
func (p *process) stop(t *testing.T) (counters string) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, p.cmd.Wait())
	text, err := os.ReadFile(p.log)
	require.NoError(t, err)
	at := strings.LastIndex(string(text), "msg=counters")
	require.Positive(t, at)
	line, _, _ := strings.Cut(string(text)[at:], "\n")
	return line
}

// connect returns a connection that has finished its handshake.
func connect(t *testing.T, address string) *websocket.Conn {
	t.Helper()
	conn, _, err := websocket.DefaultDialer.Dial(address, nil)
	require.NoError(t, err)
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(begin)))
	_, _, err = conn.ReadMessage()
	require.NoError(t, err)
	require.NoError(t, conn.WriteMessage(websocket.TextMessage, []byte(`{"method":"initialized"}`)))
	return conn
}

// hostileRequests are requests that a client sends without reading the answers, by their purpose.
func hostileRequests(server string) map[string]func(i int) string {
	request := func(url, more string) func(i int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"id":%d,"method":"http/request","params":{"method":"POST","url":%q,"requestId":"%d"%s}}`, i, url, i, more)
		}
	}
	field := fmt.Sprintf(`{"name":"x-a","value":%q}`, strings.Repeat("v", 8<<10))
	fields := strings.TrimSuffix(strings.Repeat(field+",", 1000), ",")
	return map[string]func(i int) string{
		"responses that are not streamed": request(server+"/big", ""),
		"streams":                         request(server+"/big", `,"streamResponse":true`),
		"headers of 8 MiB":                request(server+"/wait", `,"headers":[`+fields+`]`),
		"bodies of 3 MiB":                 request(server+"/wait", `,"bodyBase64":"`+strings.Repeat("AAAA", 1<<20)+`"`),
		"many requests":                   request(server+"/wait", ""),
	}
}

const attackTime = 4 * time.Second

// attack connects hostile clients: some send many requests of a kind and read nothing, others stop
// in the middle of a message. The channel is closed when they are stuck or time is up.
func attack(t *testing.T, address, server string) (over <-chan struct{}) {
	t.Helper()
	var sending sync.WaitGroup
	for name, request := range hostileRequests(server) {
		for range 3 {
			conn := connect(t, address)
			t.Cleanup(func() { _ = conn.Close() })
			sending.Go(func() {
				_ = conn.SetWriteDeadline(time.Now().Add(attackTime))
				for i := range 10_000 {
					if conn.WriteMessage(websocket.TextMessage, []byte(request(i))) != nil {
						t.Logf("%s: stopped after %d requests", name, i)
						return
					}
				}
			})
		}
	}
	for range 20 {
		conn := connect(t, address)
		t.Cleanup(func() { _ = conn.Close() })
		sending.Go(func() {
			raw := conn.NetConn()
			_ = raw.SetWriteDeadline(time.Now().Add(attackTime))
			_, _ = raw.Write([]byte{0x81, 0xff, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}) // a frame of 48 MiB
			_, _ = raw.Write(bytes.Repeat([]byte("x"), 12<<20))
		})
	}
	stuck := make(chan struct{})
	go func() { defer close(stuck); sending.Wait() }()
	return stuck
}

// victim answers like a server that hostile clients use.
func victim(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/wait":
		<-r.Context().Done()
	case "/big":
		_, _ = w.Write(bytes.Repeat([]byte("x"), 4<<20))
	default:
		_, _ = io.WriteString(w, "hello")
	}
}

// honest makes calls of another client until over is closed, at least 50. Each is answered. A
// request that gets no room at first was not sent, so the client repeats it.
func honest(t *testing.T, address, server string, over <-chan struct{}) (calls, again int) {
	t.Helper()
	conn := connect(t, address)
	defer conn.Close()
	for going := true; going || calls < 50; {
		require.NoError(t, conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil,
			`{"id":%d,"method":"http/request","params":{"method":"GET","url":"%s/hello","requestId":"x"}}`, calls, server)))
		_, answer, err := conn.ReadMessage()
		require.NoError(t, err)
		if bytes.Contains(answer, []byte(`"stage":"notSent"`)) {
			again++
			continue
		}
		require.Contains(t, string(answer), `"bodyBase64":"aGVsbG8="`)
		calls++
		select {
		case <-over:
			going = false
		default:
		}
	}
	return calls, again
}

var budget = flag.Int64("budget", 64, "budget of the program in TestMemoryUnderAttack, in MiB")

// Hostile clients cannot make the process use more than 2.5 times its budget, and it serves another
// client meanwhile.
func TestMemoryUnderAttack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(victim))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p := startProcess(t, "-debug", "-budget", strconv.FormatInt(*budget, 10))
	idle := p.peakRSS(t)
	calls, again := honest(t, p.url, server.URL, attack(t, p.url, server.URL))
	t.Logf("another client: %d calls answered, %d requests repeated for lack of room", calls, again)
	rss := p.peakRSS(t)
	counters := p.stop(t)
	t.Logf("budget %d MiB; peak of the resident set: %d MiB, %d MiB when idle; %s", *budget, rss>>20, idle>>20, counters)
	require.LessOrEqual(t, number(t, counters, `heldPeak=(\d+)`), *budget<<20)
	require.Less(t, rss, *budget<<20*5/2)
}
