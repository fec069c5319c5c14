package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
)

// process starts the program as a process of its own, and returns it with its URL.
func process(t *testing.T, args ...string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return cmd, strings.TrimSpace(line)
}

// peakRSS returns the largest resident set of a process so far, in bytes.
func peakRSS(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if after, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
			require.NoError(t, err)
			return kib << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
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

const attackTime = 5 * time.Second

// attack connects hostile clients: some send many requests of a kind and read nothing, others stop
// in the middle of a message. It returns when they are stuck or time is up.
func attack(t *testing.T, address, server string) {
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
	sending.Wait()
}

// Hostile clients cannot make the process use more than 2.5 times its budget, and it still serves
// other clients.
func TestMemoryUnderAttack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/wait":
			<-r.Context().Done()
		case "/big":
			_, _ = w.Write(bytes.Repeat([]byte("x"), 4<<20))
		default:
			_, _ = io.WriteString(w, "hello")
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	const budget = 128
	cmd, address := process(t, "-budget", strconv.Itoa(budget))
	attack(t, address, server.URL)

	honest := connect(t, address)
	defer honest.Close()
	for i := range 50 {
		require.NoError(t, honest.WriteMessage(websocket.TextMessage, fmt.Appendf(nil,
			`{"id":%d,"method":"http/request","params":{"method":"GET","url":"%s/hello","requestId":"x"}}`, i+10, server.URL)))
		_, answer, err := honest.ReadMessage()
		require.NoError(t, err)
		require.Contains(t, string(answer), `"bodyBase64":"aGVsbG8="`)
	}
	rss := peakRSS(t, cmd.Process.Pid)
	t.Logf("peak of the resident set: %d MiB, budget %d MiB", rss>>20, budget)
	require.Less(t, rss, int64(budget)<<20*5/2)
}
