package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// writeConfig writes a configuration file and returns its name. Every %s in text is replaced by the
// URL of a server.
func writeConfig(t *testing.T, name, text string, urls ...any) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(fmt.Sprintf(text, urls...)), 0o600))
	return file
}

// keyed returns a server that refuses requests without the API key "hush".
func keyed(t *testing.T, tool string) string {
	t.Helper()
	srv := legacy(tool, nil)
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		if r.Header.Get("X-Api-Key") == "hush" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	return srv.Loopback(t).URL
}

// Every command takes the name of a server, in each format of the file.
func TestConfigNamesServers(t *testing.T) {
	url := keyed(t, "echo")
	for name, text := range map[string]string{
		"mcp.json":       `{"mcpServers": {"tea": {"url": "%s", "headers": {"X-Api-Key": "${KEY}"}}}}`,
		"settings.json":  `{"servers": {"tea": {"type": "http", "url": "%s", "headers": {"X-Api-Key": "${env:KEY}"}},},} // VS Code`,
		"config.toml":    "[mcp_servers.tea]\nurl = \"%s\"\nenv_http_headers = { X-Api-Key = \"KEY\" }\n",
		"librechat.yaml": "mcpServers:\n  tea:\n    type: streamable-http\n    url: %s\n    headers:\n      X-Api-Key: ${KEY}\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := writeConfig(t, name, text, url)
			m := machine{vars: map[string]string{"KEY": "hush"}}
			for _, args := range [][]string{{"ping", "tea"}, {"tools", "tea"}, {"call", "tea", "echo"}, {"tools"}, {"servers"}} {
				r := m.hawser(t, append(args, "--config", file)...)
				require.Equal(t, exitOK, r.code, r.err)
				require.NotContains(t, r.out+r.err, "hush")
			}
		})
	}
}

// A header on the command line replaces that of the file.
func TestHeaderReplacesThatOfTheConfig(t *testing.T) {
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"tea": {"url": "%s", "headers": {"x-api-key": "stale"}}}}`, keyed(t, "echo"))
	r := hawser(t, "tools", "tea", "--config", file, "-H", "X-API-Key: hush")
	require.Equal(t, exitOK, r.code, r.err)
}

// A server that cannot be used is named with the reason, and nothing is sent.
func TestConfigRefusesServers(t *testing.T) {
	const text = `{
  "mcpServers": {
    "tea":   {"url": "http://127.0.0.1:1/mcp"},
    "local": {"command": "npx", "args": ["secret-argument"]},
    "off":   {"url": "http://127.0.0.1:1/mcp", "disabled": true},
    "key":   {"url": "http://127.0.0.1:1/mcp", "headers": {"X-Api-Key": "${NO_SUCH_KEY}"}}
  }
}`
	file := writeConfig(t, "mcp.json", text)
	for name, want := range map[string][]string{
		"te":    {`no server "te" in ` + file, "did you mean tea?"},
		"local": {`the server "local" is a stdio server`},
		"off":   {`the server "off" is disabled`},
		"key":   {file + ":6: ", "headers.X-Api-Key", "NO_SUCH_KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			r := hawser(t, "tools", name, "--config", file)
			require.Equal(t, exitUsage, r.code)
			for _, part := range want {
				require.Contains(t, r.err, part)
			}
			require.NotContains(t, r.err, "secret-argument")
		})
	}
	r := hawser(t, "tools", "tea", "--config", filepath.Join(t.TempDir(), "none.json"))
	require.Equal(t, exitUsage, r.code)
	r = hawser(t, "tools", "tea", "--config", writeConfig(t, "broken.json", `{"mcpServers": {`))
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "broken.json:1")
	r = hawser(t, "call", "--config", file)
	require.Contains(t, r.err, "call needs the name of a server")
	require.Contains(t, r.err, "hint: list the servers with: hawser servers --config "+file)
	r = hawser(t, "servers")
	require.Contains(t, r.err, "servers needs a file with --config")
}

// Denied tools are neither listed nor called.
func TestConfigDeniesTools(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	srv.Tools = []*mcptest.Tool{{Name: "get"}, {Name: "delete"}, {Name: "update"}}
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"tea": {"url": "%s", "hawser": {"deny": ["delete*"], "approve": {"update": "never"}}}}}`,
		srv.Loopback(t).URL)
	for _, args := range [][]string{{"tools", "tea"}, {"tools"}} {
		r := succeeds(t, append(args, "--config", file)...)
		require.Contains(t, r.out, "get")
		require.NotContains(t, r.out, "delete")
	}
	for tool, want := range map[string]string{"delete": "does not allow the tool delete", "update": "never approves calls of the tool update"} {
		r := hawser(t, "call", "tea", tool, "--config", file)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, want)
		require.Zero(t, srv.Executions(tool))
	}
}

// servers shows the state of each server; a server that is down affects no other.
func TestServersShowsAllStates(t *testing.T) {
	locked := page(t, http.StatusUnauthorized, "text/plain", "no")
	file := writeConfig(t, "mcp.json", `{"mcpServers": {
		"good": {"url": "%s"}, "locked": {"url": "%s"}, "dead": {"url": "http://127.0.0.1:1/mcp"},
		"local": {"command": "npx"}, "off": {"url": "http://127.0.0.1:1/mcp", "enabled": false},
		"unset": {"url": "${NO_SUCH_URL}"}
	}}`, legacy("echo", nil).Loopback(t).URL, locked)
	r := succeeds(t, "servers", "--config", file)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	require.Len(t, lines, 5)
	for i, want := range []string{"dead    down", "good    ready           1 tool", "local   unsupported", "locked  not authorized", "off     disabled"} {
		require.Contains(t, lines[i], want)
	}
	require.Contains(t, r.err, "NO_SUCH_URL")

	r = succeeds(t, "servers", "--config", file, "--json")
	for line := range strings.SplitSeq(strings.TrimSpace(r.out), "\n") {
		var state struct{ Server, Status string }
		require.NoError(t, json.Unmarshal([]byte(line), &state))
		require.NotEmpty(t, state.Status)
	}
	r = succeeds(t, "tools", "--config", file)
	require.Contains(t, r.out, "good echo")
	require.Contains(t, r.err, "dead: down: connection refused")
	require.Contains(t, r.err, "local: unsupported: hawser speaks only Streamable HTTP")
}

// The exit code is that of a required server, or of the others if none is ready.
func TestServersFailsForRequiredServers(t *testing.T) {
	good, locked := legacy("echo", nil).Loopback(t).URL, page(t, http.StatusUnauthorized, "text/plain", "no")
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"good": {"url": "%s"}, "locked": {"url": "%s", "hawser": {"required": true}}}}`, good, locked)
	r := hawser(t, "servers", "--config", file)
	require.Equal(t, exitAuth, r.code, r.err)
	require.Contains(t, r.err, "hint: hawser login locked --config "+file)
	file = writeConfig(t, "mcp.json", `{"mcpServers": {"dead": {"url": "http://127.0.0.1:1/mcp"}}}`)
	r = hawser(t, "servers", "--config", file)
	require.Equal(t, exitNotRun, r.code)
	require.Contains(t, r.err, "no server is ready")
}

// Hints name the server and the file, as the user did.
func TestHintsNameTheServerOfTheConfig(t *testing.T) {
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"tea": {"url": "%s", "oauth": {"clientId": "abc", "scopes": "x y"}}}}`,
		page(t, http.StatusUnauthorized, "text/plain", "no"))
	r := hawser(t, "ping", "tea", "--config", file)
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.err, "hint: the server offers no login")
	require.NotContains(t, r.err, "--client-id abc")

	r = hawser(t, "read", "tea", "notes://missing", "--config", writeConfig(t, "mcp.json", `{"mcpServers": {"tea": {"url": "%s"}}}`,
		legacy("echo", nil).Loopback(t).URL))
	require.Contains(t, r.err, "hint: list the resources with: hawser resources tea --config ")
}

// Servers whose executor is not reachable are down; the others work.
func TestExecutorOfTheConfigIsDown(t *testing.T) {
	file := writeConfig(t, "mcp.json", `{"mcpServers": {
		"good": {"url": "%s"}, "far": {"url": "http://mcp.test/mcp", "hawser": {"executor": "sandbox"}}
	}, "hawser": {"executors": {"sandbox": {"url": "ws://127.0.0.1:1"}}}}`, legacy("echo", nil).Loopback(t).URL)
	r := succeeds(t, "servers", "--config", file)
	require.Contains(t, r.out, "cannot use the executor")
	require.Contains(t, r.out, "ready")
	r = hawser(t, "tools", "far", "--config", file)
	require.Equal(t, exitNotRun, r.code)
	require.Contains(t, r.err, "cannot use the executor")
}

// The shell completes the names of servers.
func TestShellCompletesServers(t *testing.T) {
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"tea": {"url": "%s"}, "coffee": {"url": "http://127.0.0.1:1/mcp"}}}`,
		legacy("echo", nil).Loopback(t).URL)
	r := hawser(t, "__complete", "call", "--config", file, "")
	require.Contains(t, r.out, "coffee\ntea\n")
	r = hawser(t, "__complete", "call", "--config", file, "tea", "")
	require.Contains(t, r.out, "echo\n")
}

// The client, its secret, the redirect URI and the scopes of a login come from the file. Other
// commands then use the token.
func TestConfigSaysHowToLogIn(t *testing.T) {
	_, port, ok := strings.Cut(deadPort(t), ":")
	require.True(t, ok)
	callback := "http://localhost:" + port + "/from-the-file"
	p := newProvider(t, func(p *provider, _ ...*httptest.Server) { p.redirects = []string{callback} })
	file := writeConfig(t, "settings.json", `{"mcpServers": {"drive": {"httpUrl": "%s", "oauth": {
		"clientId": "me.apps.example.com", "clientSecret": "GOCSPX-secret", "redirectUri": "%s", "scopes": ["more"]
	}}}}`, p.url, callback)
	flags := []string{"--config", file, "--store", filepath.Join(t.TempDir(), "tokens")}
	r := hawser(t, append([]string{"servers"}, flags...)...)
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.out, "not authorized")

	r = p.loginTo(t, "drive", flags...)
	require.Equal(t, exitOK, r.code, r.err)
	require.NotContains(t, r.err+r.out, "GOCSPX")
	require.Equal(t, "me.apps.example.com", p.asked.Get("client_id"))
	require.Equal(t, callback, p.asked.Get("redirect_uri"))
	require.Contains(t, strings.Fields(p.asked.Get("scope")), "more")
	require.Contains(t, succeeds(t, append([]string{"servers"}, flags...)...).out, "drive  ready")
	succeeds(t, append([]string{"call", "drive", "brew", "tea=x"}, flags...)...)
}

// A header that an executor fills in needs an executor.
func TestHeadersFromTheEnvironmentNeedAnExecutor(t *testing.T) {
	file := writeConfig(t, "mcp.json", `{"mcpServers": {"far": {"url": "http://127.0.0.1:1/mcp", "hawser": {"headersFromEnv": {"X-Api-Key": "KEY"}}}}}`)
	r := hawser(t, "ping", "far", "--config", file)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "X-Api-Key")
	require.Contains(t, r.err, "executor")
}

// The timeouts of the file bound connecting and calls.
func TestTimeoutsOfTheConfig(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // then the server notices that the client leaves
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	slow := legacy("wait", func(ctx context.Context, _ *mcptest.Call) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	file := writeConfig(t, "mcp.json", `{"mcpServers": {
		"silent": {"url": "%s", "hawser": {"connectTimeout": "50ms"}}, "slow": {"url": "%s", "hawser": {"callTimeout": "50ms"}}
	}}`, silent.URL, slow.Loopback(t).URL)
	r := hawser(t, "ping", "silent", "--config", file)
	require.NotEqual(t, exitOK, r.code)
	require.Contains(t, r.err, "not connected after 50ms")
	r = hawser(t, "call", "slow", "wait", "--config", file)
	require.Equal(t, exitUnknown, r.code, r.err)
}
