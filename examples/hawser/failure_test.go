package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

const tea = `{"type": "object", "required": ["tea"], "properties": {"tea": {"type": "string"}, "cups": {"type": "integer"}}}`

// The tests in this file check that errors explain the most common mistakes.

func TestWrongURL(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		http.NotFound(w, r)
		return true
	}
	const hint = "\nhint: check that this is the URL of an MCP endpoint; many end in /mcp\n"
	url := srv.Loopback(t).URL
	require.Equal(t, result{exitRefused, "", "hawser: cannot connect to " + url + ": HTTP status 404 Not Found: 404 page not found" + hint}, hawser(t, "tools", url+"?key=secret"))
	html := page(t, http.StatusNotFound, "text/html", "<html>nothing here</html>")
	require.Equal(t, result{exitRefused, "", "hawser: cannot connect to " + html + ": HTTP status 404 Not Found, with an HTML page" + hint}, hawser(t, "tools", html))
	site := page(t, http.StatusOK, "text/html; charset=utf-8", "\n<!DOCTYPE html><html><title>Welcome</title></html>")
	require.Equal(t, result{exitRefused, "", "hawser: cannot connect to " + site + ": expected an MCP server, got a web page" + hint}, hawser(t, "tools", site))
}

func TestURLWithoutScheme(t *testing.T) {
	for url, hint := range map[string]string{
		"localhost:8080/mcp":  "did you mean http://localhost:8080/mcp ?",
		"mcp.example.com/mcp": "did you mean https://mcp.example.com/mcp ?",
		"//example.com/mcp":   "did you mean https://example.com/mcp ?",
		"http//localhost/mcp": "did you mean http://localhost/mcp ?",
		"htps:/x/mcp":         "a URL looks like https://mcp.example.com/mcp",
		"HTTPS:/a.test/mcp":   "did you mean https://a.test/mcp ?",
		"me:secret@host/mcp":  "a URL looks like https://mcp.example.com/mcp",
		"":                    "a URL looks like https://mcp.example.com/mcp",
	} {
		require.Equal(t, result{exitUsage, "", "hawser: the URL must begin with http:// or https://\nhint: " + hint + "\n"}, hawser(t, "tools", url))
	}
	require.Equal(t, result{exitUsage, "", "hawser: invalid port 99999 in the URL\nhint: a port is a number from 1 to 65535\n"}, hawser(t, "tools", "http://127.0.0.1:99999/mcp"))
	r := hawser(t, "tools", "http://me:secret@127.0.0.1/mcp")
	require.Equal(t, exitUsage, r.code)
	require.NotContains(t, r.err, "secret")
	require.Equal(t, result{exitUsage, "", "hawser: the endpoint URL must be http or https, got scheme \"ftp\"\nhint: a URL looks like https://mcp.example.com/mcp\n"}, hawser(t, "tools", "ftp://127.0.0.1/mcp"))
}

func TestServerIsDown(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String() + "/mcp"
	require.NoError(t, listener.Close())
	want := result{exitNotRun, "", "hawser: cannot connect to " + url + ": connection refused\nhint: check that the server is running and listens on this port\n"}
	require.Equal(t, want, hawser(t, "tools", url))
	require.Equal(t, want, hawser(t, "call", url, "brew", "tea=green"))
}

func TestWrongArguments(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	srv.Tools = []*mcptest.Tool{{Name: "brew", Schema: tea}}
	url := srv.Loopback(t).URL
	for _, c := range []struct {
		err   string
		words []string
	}{
		{"hawser: the arguments are not JSON: column 9: invalid character 'g' looking for beginning of value\n" +
			"hint: quote the JSON for the shell, '{\"name\": \"value\"}', or write name=value\n", []string{"brew", `{"tea": green}`}},
		{"hawser: expected one JSON object, got 2 words\nhint: quote the JSON for the shell: '{\"name\": \"value\"}'\n", []string{"brew", "{tea:", "green}"}},
		{"hawser: the arguments must be a JSON object, got array\nhint: an object looks like {\"name\": \"value\"}\n", []string{"brew", `["green"]`}},
		{"hawser: invalid argument \"green\"\nhint: write name=value, name:=JSON, name=@file, or all arguments as one JSON object\n", []string{"brew", "green"}},
		{"hawser: the tool has no argument taa\nhint: did you mean tea?\n", []string{"brew", "taa=green"}},
		{"hawser: argument cups: expected integer, got \"many\"\nhint: for example cups=5\n", []string{"brew", "tea=x", "cups=many"}},
		{"hawser: the server has no tool brw\nhint: did you mean brew?\n", []string{"brw", "tea=green"}},
		{"hawser: the server has no tool quux\nhint: list the tools with: hawser tools URL (--no-check skips this check)\n", []string{"quux"}},
	} {
		require.Equal(t, result{exitUsage, "", c.err}, hawser(t, append([]string{"call", url}, c.words...)...))
	}
	require.Zero(t, srv.Executions("brew"), "nothing was sent")
	r := machine{stdin: `{"tea"`}.hawser(t, "call", url, "brew", "-")
	require.Equal(t, result{exitUsage, "", "hawser: the arguments on stdin are not JSON: column 6: unexpected end\n" +
		"hint: quote the JSON for the shell, '{\"name\": \"value\"}', or write name=value\n"}, r)
}

func TestInvalidArguments(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	srv.Tools = []*mcptest.Tool{{Name: "brew", Schema: tea}}
	url := srv.Loopback(t).URL
	const takes = "hint: it takes tea (string, required), cups (integer)\n"
	for name, words := range map[string][]string{
		"missing":         {"brew", "cups=1"},
		"none":            {"brew"},
		"of a wrong type": {"brew", `{"tea": 5}`},
		"no whole number": {"brew", `{"tea": "green", "cups": 1.5}`},
	} {
		r := hawser(t, append([]string{"call", url}, words...)...)
		require.Equal(t, exitUsage, r.code, name)
		require.Regexp(t, `^hawser: invalid arguments for the tool brew: .*\b(tea|cups)\b.*\n`+regexp.QuoteMeta(takes)+`$`, r.err, name)
	}
	r := hawser(t, "call", url, "brew", `{"taa": "green"}`)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "hint: argument taa: did you mean tea?\n")
	require.Zero(t, srv.Executions("brew"), "nothing was sent")
}

func TestAuthorizationRequired(t *testing.T) {
	const secret = "sesame-8472"
	srv := mcptest.New(mcptest.Modern)
	srv.Intercept = func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		w.WriteHeader(http.StatusUnauthorized)
		w.Write([]byte("not for " + r.Header.Get("Authorization")))
		return true
	}
	url := srv.Loopback(t).URL
	r := hawser(t, "tools", url)
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.err, "hawser: cannot connect to "+url+": HTTP status 401 Unauthorized: not for\nhint: the server offers no login; send the token or key that its operator gave you: --header 'Authorization: Bearer env:TOKEN'")
	with := machine{vars: map[string]string{"TOKEN": secret}}
	r = with.hawser(t, "tools", url, "--header", "Authorization: Bearer env:TOKEN", "--verbose")
	require.Equal(t, exitAuth, r.code)
	require.Contains(t, r.err, "the token may have expired")
	require.Contains(t, r.err, "not for [redacted]")
	require.NotContains(t, r.err, secret)
	sent := 0
	for _, request := range srv.Requests("") {
		if value := request.Header.Get("Authorization"); value != "" {
			require.Equal(t, "Bearer "+secret, value)
			sent++
		}
	}
	require.Positive(t, sent)
}

func TestServerErrors(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools = []*mcptest.Tool{{Name: "odd", Run: refuse}}
		url := srv.Loopback(t).URL
		require.Equal(t, result{exitRefused, "", "hawser: tools/call: server error -32000: not today\n" +
			"hint: the tool may have acted before it failed; check before you call it again\n"}, hawser(t, "call", url, "odd"))
	})
	forbidden := page(t, http.StatusForbidden, "text/plain", "no")
	require.Equal(t, result{exitRefused, "", "hawser: cannot connect to " + forbidden + ": HTTP status 403 Forbidden: no\n" +
		"hint: the server denies access to this client or address; ask its operator\n"}, hawser(t, "ping", forbidden))
	require.Equal(t, exitUsage, hawser(t, "ping", forbidden, "--protocol", "1999-01-01").code)
}

// If a server names the only host that it accepts, the hint proposes the other loopback name only if
// the server accepts it. A published port of a container is often another one.
func TestServerNamesItsHost(t *testing.T) {
	var answer string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, answer, http.StatusForbidden)
	}))
	t.Cleanup(srv.Close)
	host := strings.TrimPrefix(srv.URL, "http://")
	_, port, err := net.SplitHostPort(host)
	require.NoError(t, err)
	for accepted, hint := range map[string]string{
		"localhost:" + port: "the server does not accept this host name; try: hawser ping http://localhost:" + port + "/mcp",
		"localhost:8931":    "the server does not accept the host name " + host + "; add it to the server's allowed hosts",
	} {
		answer = "Access is only allowed at " + accepted
		r := hawser(t, "ping", srv.URL+"/mcp")
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, r.err, "\nhint: "+hint+"\n")
	}
}

// An error that means a missing tool leads to the list, whatever its code.
func TestUnknownTool(t *testing.T) {
	srv, code, message := mcptest.New(mcptest.Legacy), int64(0), ""
	srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
		if m == nil || m.Method != "tools/call" {
			return false
		}
		mcptest.WriteError(w, http.StatusOK, m.ID, code, message)
		return true
	}
	url := srv.Loopback(t).URL
	list := "list the tools with: hawser tools " + url
	for _, c := range []struct {
		code          int64
		message, hint string
	}{
		{mcpclient.CodeMethodNotFound, "Method not found", list},
		{mcpclient.CodeInvalidParams, "MCP error -32602: Tool pour not found", list},
		{mcpclient.CodeInvalidParams, "Unknown tool: pour", list},
		{mcpclient.CodeInvalidParams, "no such cup", "the tool may have acted before it failed; check before you call it again"},
	} {
		code, message = c.code, c.message
		r := hawser(t, "call", url, "pour", "--no-check")
		require.Equal(t, exitRefused, r.code)
		require.Contains(t, r.err, "\nhint: "+c.hint+"\n")
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		err  string
		args []string
	}{
		{"hawser: tools needs the URL of a server\nhint: usage: hawser tools URL\n", []string{"tools"}},
		{"hawser: call needs TOOL after URL\nhint: usage: hawser call URL TOOL [JSON | NAME=VALUE ...]\n", []string{"call", "http://x"}},
		{"hawser: complete needs more arguments\nhint: usage: hawser complete URL (prompt NAME | template URI-TEMPLATE) ARGUMENT VALUE [NAME=VALUE ...]\n",
			[]string{"complete", "http://x"}},
		{"hawser: ping: unexpected argument \"more\"\nhint: usage: hawser ping URL\n", []string{"ping", "http://x", "more"}},
		{"hawser: unknown command \"tolls\" for \"hawser\"\nhint: did you mean tools?\n", []string{"tolls"}},
		{"hawser: unknown command \"qqqqqq\" for \"hawser\"\nhint: hawser --help\n", []string{"qqqqqq"}},
		{"hawser: unknown flag: --jsom\nhint: did you mean --json?\n", []string{"tools", "--jsom"}},
		{"hawser: unknown command \"http://x/mcp\" for \"hawser\"\nhint: put the command before the URL: hawser tools URL\n", []string{"http://x/mcp", "tools"}},
		{"hawser: unknown flag: --quiet\nhint: hawser tools --help\n", []string{"tools", "--quiet"}},
		{"hawser: invalid value \"loud\" for --log-level\nhint: the levels are debug, info, notice, warning, error, critical, alert, emergency\n",
			[]string{"call", "http://x", "y", "--log-level", "loud"}},
		{"hawser: demo://x/{id} is a template, not a URI\nhint: add NAME=VALUE for each name in braces\n", []string{"read", "http://x", "demo://x/{id}"}},
		{"hawser: invalid value \"maybe\" for --elicit\nhint: --elicit takes ask, accept or decline\n", []string{"call", "http://x", "y", "--elicit", "maybe"}},
	} {
		require.Equal(t, result{exitUsage, "", c.err}, hawser(t, c.args...))
	}
	help := succeeds(t, "--help").out
	require.Contains(t, help, exitHelp)
	require.Contains(t, help, "completion")
}

func refuse(context.Context, *mcptest.Call) (json.RawMessage, error) {
	return nil, &mcptest.Error{Code: -32000, Message: "not today\x1b[0m"}
}
