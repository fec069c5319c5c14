package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	"github.com/hawser-mcp/hawser/examples/terminal"
)

// request is what an endpoint for Chat Completions receives.
type request struct {
	Model    string
	Messages []json.RawMessage
	Tools    []struct {
		Type     string
		Function struct {
			Name, Description string
			Parameters        json.RawMessage
		}
	}
}

// provider is an endpoint for Chat Completions with prepared answers.
type provider struct {
	mu       sync.Mutex
	answers  []string  // guarded by mu
	requests []request // guarded by mu
	problems []string  // guarded by mu
}

// openProvider starts a provider and selects it in the environment.
func openProvider(t *testing.T, answers ...string) *provider {
	t.Helper()
	p := &provider{answers: answers}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	t.Setenv("OPENAI_BASE_URL", server.URL+"/v1/")
	t.Setenv("OPENAI_API_KEY", "sk-canary")
	t.Setenv("OPENAI_MODEL", "small")
	return p
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" || r.Header.Get("Authorization") != "Bearer sk-canary" ||
		r.Header.Get("Content-Type") != "application/json" {
		p.problems = append(p.problems, r.Method+" "+r.URL.Path)
	}
	var next request
	if err := json.NewDecoder(r.Body).Decode(&next); err != nil {
		p.problems = append(p.problems, err.Error())
	}
	p.requests = append(p.requests, next)
	if len(p.answers) == 0 {
		http.Error(w, "no more answers", http.StatusTeapot)
		return
	}
	_, _ = io.WriteString(w, p.answers[0])
	p.answers = p.answers[1:]
}

// toolMessage is an answer to a call.
type toolMessage struct {
	Role, Content string
	CallID        string `json:"tool_call_id"`
}

// The conversation has the form that such endpoints demand: the message of the model as it was, with
// members that the agent does not know, and then one message for each of its calls, in their order.
func TestConversationWithAnEndpoint(t *testing.T) {
	const calls = `{"role":"assistant","content":null,"tool_calls":[` +
		`{"id":"b","type":"function","function":{"name":"pantry__stock","arguments":"{}"},"extra_content":{"signature":"x1"}},` +
		`{"id":"a","type":"function","function":{"name":"kitchen__brewed","arguments":"{}"}}]}`
	p := openProvider(t, `{"choices":[{"message":`+calls+`,"finish_reason":"tool_calls"}]}`,
		`{"choices":[{"message":{"role":"assistant","content":"There is tea for three.\u001b[2J\nkitchen is down"}}]}`)
	house, err := teahouse.Open(t.Context(), nil)
	require.NoError(t, err)
	defer house.Close()
	var out strings.Builder
	a := newAgent(t, &out)
	require.NoError(t, a.start(t.Context(), house.Config, "How much tea is there?"))

	require.Empty(t, p.problems)
	require.Len(t, p.requests, 2)
	first, second := p.requests[0], p.requests[1]
	require.Equal(t, "small", first.Model)
	require.Len(t, first.Messages, 1)
	require.JSONEq(t, `{"role":"user","content":"How much tea is there?"}`, string(first.Messages[0]))
	require.Len(t, first.Tools, 3)
	require.Equal(t, "function", first.Tools[0].Type)
	require.Equal(t, "kitchen__brew", first.Tools[0].Function.Name)
	require.Equal(t, "Brews green tea.", first.Tools[0].Function.Description)
	require.Contains(t, string(first.Tools[0].Function.Parameters), `"required":["cups"]`)

	require.Equal(t, first.Tools, second.Tools, "an equal list, for the caches of the provider")
	require.Len(t, second.Messages, 4)
	require.Equal(t, first.Messages[0], second.Messages[0])
	require.Equal(t, calls, string(second.Messages[1]))
	for i, want := range []toolMessage{
		{"tool", "green tea: 6 g, enough for 3 cups", "b"},
		{"tool", "cups brewed: 0", "a"},
	} {
		var got toolMessage
		require.NoError(t, json.Unmarshal(second.Messages[2+i], &got))
		require.Equal(t, want, got)
	}
	require.Contains(t, out.String(), "model: There is tea for three.\uFFFD[2J\n    kitchen is down\n")
}

func TestFailuresOfTheEndpointAreToldInWords(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		want   []string
	}{
		"refused":        {401, `{"error":{"message":"Incorrect API key provided."}}`, []string{"401 Unauthorized", "Incorrect API key provided."}},
		"a page":         {502, "<html>Bad gateway</html>", []string{"502 Bad Gateway", "<html>Bad gateway</html>"}},
		"no choice":      {200, `{"choices":[]}`, []string{"200 OK", `choices`}},
		"no answer":      {200, ``, []string{"200 OK with 0 bytes"}},
		"too much":       {200, `{"choices":[{"message":{"content":"` + strings.Repeat("x", 2<<20), []string{"1048576 bytes (limit 1 MiB)"}},
		"too deep":       {200, strings.Repeat("[", 1<<19), []string{"exceeded max depth"}},
		"an odd message": {200, `{"choices":[{"message":{"tool_calls":7}}]}`, []string{"message of the model", "tool_calls"}},
		"a null message": {200, `{"choices":[{}]}`, []string{"message of the model"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			defer server.Close()
			defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
			t.Setenv("OPENAI_BASE_URL", server.URL)
			t.Setenv("OPENAI_API_KEY", "sk-canary")
			house, err := teahouse.Open(t.Context(), nil)
			require.NoError(t, err)
			defer house.Close()
			err = newAgent(t, io.Discard).start(t.Context(), house.Config, "Work.")
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}
			require.Less(t, len(err.Error()), 2000)
			require.NotContains(t, err.Error(), "sk-canary")
		})
	}
}

func TestInterruptEndsARequestToTheEndpoint(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	}))
	defer server.Close()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	t.Setenv("OPENAI_BASE_URL", server.URL)
	_, err := endpoint(ctx, []any{"Work."}, json.RawMessage("[]"))
	require.ErrorIs(t, err, context.Canceled)
}

// newAgent returns an agent as main creates it, but with a user who cannot answer.
func newAgent(t *testing.T, out io.Writer) *agent {
	t.Helper()
	moveHome(t)
	a := &agent{model: endpoint, user: terminal.New(nil, out)}
	a.opts.Transports = map[string]http.RoundTripper{}
	return a
}
