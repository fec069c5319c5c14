package mcpclient_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// longText makes an answer about 2 KB long.
var longText = strings.Repeat("0123456789abcdef", 120)

// framings lists the ways in which a response carries an answer. complete is the number of bytes
// that the client must receive to have the whole answer. If the connection is then reset, these
// bytes must include the mark for the end of the response.
var framings = map[string]func(answer string, reset bool) (response string, complete int){
	"JSON": func(answer string, _ bool) (string, int) {
		text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
		return text, len(text)
	},
	"JSON to the end of the connection": func(answer string, reset bool) (string, int) {
		text := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + answer
		if reset {
			return text, len(text) + 1
		}
		return text, len(text)
	},
	"SSE": func(answer string, _ bool) (string, int) {
		const progress = `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":0,"progress":1}}` + "\n\n"
		event := progress + "event: message\ndata: " + answer + "\n\n"
		text := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s", len(event), event)
		return text + "\r\n0\r\n\r\n", len(text)
	},
}

// The test cuts an answer of 2 KB at every byte by closing the connection, and at every seventh
// byte by a reset. The client always sends the call once, and the call succeeds only if the
// complete answer arrived.
func TestAnswerCutAtEveryByte(t *testing.T) {
	for name, frame := range framings {
		for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			t.Run(name+"/"+era.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { cutEverywhere(t, newServer(mode{era, false}), frame) })
			})
		}
	}
}

func cutEverywhere(t *testing.T, srv *mcptest.Server, frame func(string, bool) (string, int)) {
	t.Helper()
	var at, complete int
	var reset bool
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" {
			return false
		}
		var response string
		response, complete = frame(string(mcptest.Result(m.ID, map[string]any{
			"content": []any{map[string]any{"type": "text", "text": longText}}, "resultType": "complete",
		})), reset)
		if at > len(response) {
			at = -1 // the last response was complete
			return false
		}
		hijack(t, w, func(conn net.Conn, rw *bufio.ReadWriter) {
			_, _ = rw.WriteString(response[:at])
			_ = rw.Flush()
			if reset {
				time.Sleep(time.Millisecond) // fake time, so that the written bytes arrive
				resetConn(conn)
			}
		})
		return true
	}
	s := serve(t, srv, mcpclient.Options{})
	for _, reset = range []bool{false, true} {
		step := 1
		if reset {
			step = 7 // the rest of the answer is uniform, so larger steps suffice
		}
		for at = 0; at >= 0; at += step {
			srv.Reset()
			time.Sleep(time.Second) // fake time, so that the client notices the end of the last connection
			res, err := s.CallTool(t.Context(), "echo", nil)
			if at < 0 {
				break
			}
			require.Equal(t, 1, srv.Count("tools/call"), "cut at %d: %v", at, err)
			require.Equal(t, at >= complete, err == nil, "cut at %d of %d: %v", at, complete, err)
			if err == nil {
				require.Equal(t, longText, text(t, res))
			} else {
				require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err), "cut at %d: %v", at, err)
			}
		}
		require.Greater(t, complete, 2000)
		at = 0
	}
}

// hijack passes the connection of a request to f and closes it when f returns.
func hijack(t *testing.T, w http.ResponseWriter, f func(net.Conn, *bufio.ReadWriter)) {
	t.Helper()
	conn, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	f(conn, rw)
	_ = conn.Close()
}

func resetConn(conn net.Conn) { conn.(interface{ Reset() }).Reset() }
