package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/release"
)

func TestHandshake(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.sendf(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"clientName":"test","other":[1]},"trace":{}}`)
		m := w.receive()
		require.Nil(w.t, m.Error)
		require.NotEmpty(w.t, m.Result.SessionID)
		info := m.Result.EnvironmentInfo
		require.Equal(w.t, release.Version, info["executorVersion"])
		require.NotEmpty(w.t, info["platformOs"])
		require.Equal(w.t, map[string]any{"httpHeaderEnvVars": false, "httpReady": true}, info["capabilities"])
		require.Equal(w.t, map[string]any{"name": "sh", "path": "sh"}, info["shell"])
		require.Len(w.t, info, 4, "the agent does not reveal where and as which user it runs")
		w.sendf(`{"method":"initialized"}`)
		w.sendf(`{"method":"initialized","params":{}}`)
		require.Equal(w.t, 200, w.ok(get(upstream+"/", "a")).Status)
		require.Equal(w.t, "hello", string(w.body("a")))
	})
}

func TestSessionsAreNew(t *testing.T) {
	ids := map[string]bool{}
	for range 2 {
		inWorld(t, nil, hello, func(w *world) {
			w.sendf(`{"id":1,"method":"initialize","params":{"clientName":"test"}}`)
			ids[w.receive().Result.SessionID] = true
		})
	}
	require.Len(t, ids, 2)
}

// After its link is lost, a codex client tries to resume its session. It gives up permanently if
// the session is unknown. An agent's session has no state that outlives its link, so any session ID
// is accepted.
func TestResumedSession(t *testing.T) {
	for id, ok := range map[string]bool{
		"7b5229d8-8c4b-4163-afb2-eabe2a6bfec6": true, "": false, "a b": false, strings.Repeat("x", 129): false,
	} {
		inWorld(t, nil, hello, func(w *world) {
			w.sendf(`{"id":1,"method":"initialize","params":{"clientName":"test","resumeSessionId":%q}}`, id)
			m := w.receive()
			if ok {
				require.Equal(w.t, id, m.Result.SessionID)
				return
			}
			require.Equal(w.t, &refusal{Code: -32600, Message: "unknown session id"}, m.Error)
			w.handshake() // after an error, initialize may be sent again
		})
	}
}

func TestOrderOfTheHandshake(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		fails := func(request string, code int, text string) {
			w.t.Helper()
			w.sendf("%s", request)
			m := w.receive()
			require.NotNil(w.t, m.Error)
			require.Equal(w.t, code, m.Error.Code)
			require.Contains(w.t, m.Error.Message, text)
		}
		w.sendf(`{"method":"initialized"}`) // too early: ignored
		fails(`{"id":1,"method":"http/request","params":{}}`, -32600, "client must call initialize before using http methods")
		fails(`{"id":2,"method":"environment/info"}`, -32600, "client must call initialize before using environment methods")
		fails(`{"id":3,"method":"initialize","params":{}}`, -32602, "clientName")
		fails(`{"id":3,"method":"initialize"}`, -32602, "clientName")
		fails(`{"id":3,"method":"initialize","params":{"clientName":7}}`, -32602, "initialize")
		fails(`{"id":4,"method":"process/start","params":{}}`, -32601, `"process/start"`)
		w.sendf(`{"id":5,"method":"initialize","params":{"clientName":"test"}}`)
		require.NotNil(w.t, w.receive().Result)
		fails(`{"id":6,"method":"http/request","params":{}}`, -32600, "client must send initialized before using http methods")
		fails(`{"id":7,"method":"environment/status"}`, -32600, "client must send initialized before using environment methods")
		fails(`{"id":8,"method":"initialize","params":{"clientName":"test"}}`, -32600, "initialize may only be sent once per connection")
		w.sendf(`{"method":"initialized"}`)
		fails(`{"id":9,"method":"initialize","params":{"clientName":"test"}}`, -32600, "initialize may only be sent once per connection")
		w.sendf(`{"id":10,"method":"environment/info"}`)
		require.Nil(w.t, w.receive().Error)
		w.sendf(`{"id":11,"method":"environment/status"}`)
		data, err := w.link.Receive()
		require.NoError(w.t, err)
		require.JSONEq(w.t, `{"id":11,"result":{"status":"ready"}}`, string(data))
	})
}

// A message that the agent does not understand is answered with an error or ignored. The link stays
// open.
func TestMessagesThatCannotBeRead(t *testing.T) {
	inWorld(t, nil, hello, func(w *world) {
		w.handshake()
		for _, text := range []string{
			`{`, `[]`, `[{"id":1,"method":"environment/status"}]`, `7`, `{"id":null,"method":"environment/status"}`,
			`{"id":{},"method":"environment/status"}`, `{"id":1}`, `{} {}`, `{"id":1,"method":7}`,
			`{"id":1,"method":"a","result":2}`, `{"id":1,"params":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
			`{"id":"` + strings.Repeat("x", 300) + `","method":"environment/status"}`,
		} {
			w.sendf("%s", text)
			m := w.receive()
			require.Equal(w.t, "-1", string(m.ID), text)
			require.NotNil(w.t, m.Error, text)
			require.Equal(w.t, -32600, m.Error.Code, text)
		}
		for _, text := range []string{
			`{"method":"nobody/knows","params":[1,2]}`, `{"id":77,"result":{}}`, `{"id":78,"error":{"code":1,"message":"x"}}`,
			`{"method":"http/request/bodyDelta","params":{"requestId":"a","seq":1,"deltaBase64":"","done":true}}`,
		} {
			w.sendf("%s", text)
		}
		long := strings.Repeat("m", 1000)
		w.sendf(`{"id":-5,"method":%q}`, long)
		m := w.receive()
		require.Equal(w.t, "-5", string(m.ID), "the messages before it were not answered")
		require.Equal(w.t, -32601, m.Error.Code)
		require.Less(w.t, len(m.Error.Message), 200)
	})
}

func TestHandshakeTimeout(t *testing.T) {
	opts := &Options{HandshakeTimeout: 10 * time.Second}
	inWorld(t, opts, hello, func(w *world) {
		w.sendf(`{"id":1,"method":"initialize","params":{"clientName":"test"}}`)
		w.receive()
		require.ErrorIs(w.t, <-w.served, errHandshakeTimeout, "the client did not send initialized")
		w.served = nil
	})
	inWorld(t, opts, hello, func(w *world) {
		w.handshake()
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(w.t, 200, w.ok(get(upstream, "a")).Status)
		w.body("a")
	})
	inWorld(t, nil, hello, func(w *world) {
		time.Sleep(time.Hour)
		w.handshake()
	})
}
