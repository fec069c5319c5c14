package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// attack is part of every text from the server. It tries to set the window title, the color, the
// cursor and the clipboard, to use C1 controls, to reverse the text direction and to add a line.
const attack = "A\x1b]0;owned\a\x1b[31m\x1b[2J\x1b]52;c;cm0=\x1b\\\u009b1m\u202e\r\b\x7fZ"

// hostile returns a server whose texts all contain attack.
func hostile(era mcptest.Era) *mcptest.Server {
	srv := mcptest.New(era)
	srv.SSE, srv.Name, srv.Instructions = true, attack, attack
	quotedAttack := string(quoted(attack))
	field := `{"title":` + quotedAttack + `,"description":` + quotedAttack
	schema := `{"type":"object","properties":{` + quotedAttack + `:` + field + `,"type":"string"}}}`
	question := formParams(attack, `{"type":"object","properties":{
		"a":`+field+`,"type":"string","default":`+quotedAttack+`},
		"b":`+field+`,"type":"string","oneOf":[{"const":"x","title":`+quotedAttack+`}]},
		"c":`+field+`,"type":"string","enum":[`+quotedAttack+`]}}}`)
	message := map[string]any{"role": "user", "content": map[string]any{"type": "text", "text": attack}}
	sampling := map[string]any{"messages": []any{message}, "systemPrompt": attack, "maxTokens": 5}
	srv.Tools = []*mcptest.Tool{
		{Name: "ask", Run: asks("elicitation/create", question)},
		{Name: "sample", Run: asks("sampling/createMessage", sampling)},
		{Name: attack, Description: attack, Schema: schema},
		{Name: "tell", Description: attack, Run: func(_ context.Context, c *mcptest.Call) (json.RawMessage, error) {
			c.Progress(1, 2, attack)
			c.Log("error", map[string]any{attack: attack})
			return mcptest.Text(attack), nil
		}},
		{Name: "refuse", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
			return nil, &mcptest.Error{Code: -32000, Message: attack}
		}},
	}
	srv.Resources = []mcptest.Resource{{URI: "x://" + attack, Name: attack}}
	srv.Templates = []mcptest.Template{{URITemplate: "x://" + attack + "{a}", Name: attack}}
	srv.Prompts = []mcptest.Prompt{{Name: attack}}
	srv.Complete = func(json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`{"completion":{"values":[` + quotedAttack + `]}}`), nil
	}
	return srv
}

func TestTextsOfAHostileServer(t *testing.T) {
	for _, era := range []mcptest.Era{mcptest.Legacy, mcptest.Modern} {
		url := hostile(era).Loopback(t).URL
		for _, command := range [][]string{
			{"ping", url}, {"tools", url}, {"resources", url}, {"prompts", url},
			{"call", url, "ask", "--elicit", "ask"}, {"call", url, "ask", "--elicit", "accept"}, {"call", url, "sample", "--sample", "ask"},
			{"call", url, "tell", "--log-level", "debug", "--verbose"}, {"call", url, "refuse", "--verbose"},
			{"call", url, attack, "wrong=1"}, {"call", url, attack, "--no-check"}, {"call", url, "A", "x=1"},
			{"prompt", url, attack}, {"prompt", url, attack, "wrong=1"}, {"prompt", url, "A"},
			{"read", url, "x://" + attack}, {"complete", url, "template", "x://{a}", "a", "b"},
			{"__complete", "call", url, ""},
		} {
			for _, more := range [][]string{nil, {"--json"}} {
				r := machine{stdin: "\n1\n1\n\n", watched: false}.hawser(t, append(command, more...)...)
				require.NotEmpty(t, r.out+r.err)
				requireHarmless(t, r.out+r.err, command)
			}
		}
	}
}

// Web pages with hostile text cannot control the terminal.
func TestPagesOfAHostileServer(t *testing.T) {
	for _, status := range []int{200, 302, 400, 401, 404, 500} {
		srv := page(t, status, "text/plain", attack)
		requireHarmless(t, hawser(t, "tools", srv, "--verbose").err, srv)
	}
	srv := mcptest.New(mcptest.Modern)
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil { // a GET
			w.WriteHeader(http.StatusMethodNotAllowed)
			return true
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"error":{"code":-32000,"message":`+string(quoted(attack))+`}}`)
		return true
	}
	requireHarmless(t, hawser(t, "tools", srv.Loopback(t).URL).err, "error")
}

// A hint is a command that users copy into a shell. A URL in it cannot run another command,
// even if a server chose the URL (in a redirect) or the user copied it from a web page.
func TestURLsInHintsAreNoCommands(t *testing.T) {
	evil := "/;echo$IFS'owned'&$(owned)`owned`|owned>(owned)*!{a,b}\\"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/to") {
			w.Header().Set("Location", strings.TrimPrefix(r.URL.Path, "/to/"))
			w.WriteHeader(http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(srv.Close)
	store := filepath.Join(t.TempDir(), "store")
	for _, url := range []string{srv.URL + "/to/" + srv.URL + evil, srv.URL + "/to/https://other.test" + evil, srv.URL + evil} {
		for _, command := range []string{"ping", "login", "whoami", "tools"} {
			r := hawser(t, command, url, "--store", store)
			_, hint, found := strings.Cut(r.err, "hint: ")
			if _, shown, is := strings.Cut(hint, "hawser "); found && is {
				shown, _, _ = strings.Cut(shown, "\n")
				shown, _, _ = strings.Cut(shown, " (or ")
				require.False(t, strings.ContainsAny(shown, ";&|<>$`'\"*!{}()\\"), "%s: %s", command, hint)
			}
		}
	}
	require.Equal(t, "https://[::1]:8080/a-b_c.d/%7Bx%7D%24%28y%29", shellURL("https://[::1]:8080/a-b_c.d/{x}$(y)"))
}

func requireHarmless(t *testing.T, text string, about any) {
	t.Helper()
	for _, r := range text {
		require.False(t, hidden(r), "%q in %q of %v", r, text, about)
	}
	require.NotContains(t, strings.ReplaceAll(text, `\u001b]0;owned`, ""), "owned", about) // JSON contains it in escaped form
}
