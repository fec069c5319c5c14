package mcpclient_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// A stream breaks before or after an event with an ID. If a legacy stream breaks after the event,
// the client resumes the stream and sends the list request or tool call only once. In all other
// cases, the rules for a lost answer apply.
func TestStreamCutAroundAnEventID(t *testing.T) {
	const notice = `data: {"jsonrpc":"2.0","method":"notifications/x"}` + "\n\n"
	for name, row := range map[string]struct {
		text    string
		resumed bool
	}{
		"before the id":             {notice, false},
		"in the event of the id":    {notice + "id: 7\n" + strings.TrimSuffix(notice, "\n"), false},
		"after the id":              {"id: 7\n" + notice, true},
		"in the event that follows": {"id: 7\n" + notice + "id: 8\ndata: {\"json", true},
		"after an id without data":  {"id: 7\ndata:\n\n", true},
	} {
		for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
			for _, method := range []string{"tools/list", "tools/call"} {
				t.Run(name+"/"+era.String()+"/"+method, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						cutAround(t, newServer(mode{era, true}), method, row.text, row.resumed && era == mcptest.Legacy)
					})
				})
			}
		}
	}
}

func cutAround(t *testing.T, srv *mcptest.Server, method, text string, resumed bool) {
	t.Helper()
	var asked *mcptest.Message // needs no lock: requests arrive one after the other
	srv.Intercept = func(w http.ResponseWriter, r *http.Request, m *mcptest.Message) bool {
		switch {
		case m != nil && m.Method == method && asked == nil:
			asked = m
			mcptest.StartSSE(w)
			mcptest.WriteRaw(w, text)
			panic(http.ErrAbortHandler)
		case r.Method == http.MethodGet:
			mcptest.StartSSE(w)
			mcptest.WriteRaw(w, "id: 9\ndata: "+answerTo(asked)+"\n\n")
			return true
		}
		return false
	}
	s := serve(t, srv, mcpclient.Options{})
	var err error
	if method == "tools/call" {
		_, err = s.CallTool(t.Context(), "echo", nil)
	} else {
		_, err = s.ListTools(t.Context(), nil)
	}
	switch {
	case resumed:
		require.NoError(t, err)
		require.Equal(t, 1, srv.Count(method))
		require.Equal(t, 1, srv.Count("GET"))
		require.Equal(t, "7", srv.Requests("GET")[0].Header.Get("Last-Event-Id"))
	case method == "tools/call":
		e := failure(t, err)
		require.Equal(t, mcpclient.KindOutcomeUnknown, e.Kind, "%v", err)
		require.Equal(t, mcpclient.Unknown, e.Outcome)
		require.Equal(t, 1, srv.Count(method))
		require.Zero(t, srv.Count("GET"))
	default:
		require.NoError(t, err)
		require.Equal(t, 2, srv.Count(method))
		require.Zero(t, srv.Count("GET"))
	}
	srv.Reset()
	echoes(t, s)
	require.Equal(t, []string{"tools/call"}, srv.Methods())
}
