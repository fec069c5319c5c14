package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

// documents parses output that has one JSON document per line.
func documents(t *testing.T, out string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(out) {
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &document), line)
		all = append(all, document)
	}
	return all
}

func TestTools(t *testing.T) {
	url := teahouse(t)
	r := succeeds(t, "tools", url)
	require.Contains(t, r.out, "brew - Brews tea\n    cups  number\n")
	require.Contains(t, r.out, "    tea   string, required  Which tea\n")
	require.Contains(t, r.out, "\n\nburn\n")
	require.Empty(t, r.err)
	tools := documents(t, succeeds(t, "tools", url, "--json").out)
	require.Len(t, tools, 6)
	require.Equal(t, "brew", tools[0]["name"])
	require.Contains(t, tools[0], "inputSchema")
}

func TestEmptyLists(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		url := srv.Loopback(t).URL
		require.Equal(t, result{0, "", "this server has no tools\n"}, hawser(t, "tools", url))
		require.Equal(t, result{0, "", "this server has no prompts\n"}, hawser(t, "prompts", url))
		require.Equal(t, result{0, "file:///{path}\n    files\n", ""}, hawser(t, "resources", url))
	})
}

func TestCall(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, result{0, "map[cups:3 milk:true tea:12]\n", ""}, hawser(t, "call", url, "brew", "tea=12", "cups=3", "milk=true"))
	require.Equal(t, result{0, "map[tea:green]\n", ""}, hawser(t, "call", url, "brew", `{"tea": "green"}`))
	require.Equal(t, result{0, "map[tea:black]\n", ""}, machine{stdin: `{"tea": "black"}`}.hawser(t, "call", url, "brew", "-"))
	require.Equal(t, result{0, "map[tea:5]\n", ""}, hawser(t, "call", url, "brew", "tea=5", "--no-check"))
	require.Equal(t, result{0, "plain text\n", ""}, hawser(t, "call", url, "hostile"))
	require.Equal(t, result{0, "{\n  \"tea\": \"green\\u202e\"\n}\n", ""}, hawser(t, "call", url, "structured"))
	require.Equal(t, result{0, "", "(the tool returned nothing)\n"}, hawser(t, "call", url, "silent"))
	require.Equal(t, result{0, `see
[image image/png, 1.2 kB]
[audio audio/wav, 1.2 kB]
[link tea://menu text/plain] menu
inner
[tea://y application/x-tea, 1.2 kB]
`, ""}, hawser(t, "call", url, "mixed"))
}

func TestCallJSON(t *testing.T) {
	url := teahouse(t)
	r := succeeds(t, "call", url, "hostile", "--json")
	require.Contains(t, r.out, `\u001b]0;owned\u0007plain\u202e text`)
	require.Len(t, documents(t, r.out), 1)
	require.Equal(t, "plain", strings.Fields(clean(documents(t, r.out)[0]["content"].([]any)[0].(map[string]any)["text"].(string)))[0])
	failed := hawser(t, "call", url, "burn", "--json")
	require.Equal(t, exitTool, failed.code)
	require.Equal(t, true, documents(t, failed.out)[0]["isError"])
}

func TestFailingTool(t *testing.T) {
	require.Equal(t, result{exitTool, "", "the kettle burned\nhawser: the tool burn failed\n"}, hawser(t, "call", teahouse(t), "burn"))
}

func TestSave(t *testing.T) {
	url, dir := teahouse(t), t.TempDir()
	r := succeeds(t, "call", url, "mixed", "--save", dir)
	require.Contains(t, r.out, "[image image/png, 1.2 kB] saved to "+filepath.Join(dir, "content-1.png"))
	require.Contains(t, r.out, filepath.Join(dir, "content-1.wav"))
	require.Contains(t, r.out, filepath.Join(dir, "content-1.bin"))
	data, err := os.ReadFile(filepath.Join(dir, "content-1.png"))
	require.NoError(t, err)
	require.Len(t, data, 1234)
	require.Contains(t, succeeds(t, "read", url, "tea://menu", "--save", dir).out, "content-2.png", "nothing is overwritten")
	both := succeeds(t, "call", url, "mixed", "--save", dir, "--json")
	require.Len(t, documents(t, both.out), 1)
	require.Equal(t, 3, strings.Count(both.err, " saved to "+dir), both.err)
	require.Contains(t, succeeds(t, "read", url, "tea://menu", "--save", dir, "--json").err, "content-4.png")
	missing := hawser(t, "read", url, "tea://menu", "--save", filepath.Join(dir, "none"))
	require.Equal(t, exitUsage, missing.code)
	require.Contains(t, missing.err, "hawser: cannot save: ")
	require.Contains(t, missing.err, "hint: --save takes a directory that exists")
	require.Empty(t, missing.out, "nothing was read")
}

// The --save directory is checked before the call. If saving fails after the call, the result is
// kept elsewhere.
func TestSaveFails(t *testing.T) {
	srv, dir, spare := mcptest.New(mcptest.Modern), filepath.Join(t.TempDir(), "results"), t.TempDir()
	srv.Tools = []*mcptest.Tool{{Name: "paint", Run: func(context.Context, *mcptest.Call) (json.RawMessage, error) {
		return json.RawMessage(`{"content": [{"type": "image", "mimeType": "image/png", "data": "aGF3c2Vy"}]}`), os.Remove(dir)
	}}}
	url := srv.Loopback(t).URL
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	for _, place := range []string{dir, filepath.Join(dir, "none"), spare + "/none"} {
		require.Equal(t, exitUsage, hawser(t, "call", url, "paint", "--save", place).code)
	}
	require.Zero(t, srv.Executions("paint"), "nothing was called")
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.Mkdir(dir, 0o700))
	t.Setenv("TMPDIR", spare)
	r := hawser(t, "call", url, "paint", "--save", dir)
	require.Equal(t, exitOutput, r.code, r.err)
	require.Regexp(t, `^hawser: cannot save: .*\nhint: the content is in `+spare+`/hawser-\d+\n$`, r.err)
	require.Regexp(t, `^\[image image/png, 6 bytes\] saved to `+spare, r.out)
	kept, err := filepath.Glob(spare + "/hawser-*/content-1.png")
	require.NoError(t, err)
	data, err := os.ReadFile(kept[0])
	require.NoError(t, err)
	require.Equal(t, "hawser", string(data))

	require.NoError(t, os.Mkdir(dir, 0o700))
	t.Setenv("TMPDIR", filepath.Join(spare, "none"))
	r = hawser(t, "call", url, "paint", "--save", dir)
	require.Equal(t, exitOutput, r.code, r.err)
	require.Contains(t, r.out, "aGF3c2Vy")
	require.Contains(t, r.err, "hint: the content is printed in base64\n")
	require.NoFileExists(t, "content-1.png")
}

func TestResources(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, result{0, "tea://menu (text/plain)\n    menu - What there is\ntea://menu/{day}\n    menu of a day\n", ""}, hawser(t, "resources", url))
	both := documents(t, succeeds(t, "resources", url, "--json").out)
	require.Equal(t, "tea://menu", both[0]["uri"])
	require.Equal(t, "tea://menu/{day}", both[1]["uriTemplate"])
}

func TestRead(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, result{0, "green tea\n[tea://menu/logo image/png, 1.2 kB]\n", ""}, hawser(t, "read", url, "tea://menu"))
	require.Equal(t, result{0, "menu of tea://menu/may%20day\n", ""}, hawser(t, "read", url, "tea://menu/{day}", "day=may day"))
	contents := documents(t, succeeds(t, "read", url, "tea://menu", "--json").out)
	require.Len(t, contents[0]["contents"], 2)
	wrong := hawser(t, "read", url, "tea://menu/{day}", "dya=x")
	require.Equal(t, exitUsage, wrong.code)
	require.Contains(t, wrong.err, `hawser: the template has no variable "dya"; its variables: "day"`)
	require.Equal(t, exitRefused, hawser(t, "read", url, "tea://nothing/at/all").code)
}

func TestPrompts(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, result{0, "invite - An invitation to tea\n    guest  required  The person to invite\n    day\n", ""}, hawser(t, "prompts", url))
	require.Equal(t, "invite", documents(t, succeeds(t, "prompts", url, "--json").out)[0]["name"])
	require.Equal(t, result{0, "user:\nInvite 12\n\nassistant:\n[image image/png, 1.2 kB]\n", ""}, hawser(t, "prompt", url, "invite", "guest=12"))
	require.Len(t, documents(t, succeeds(t, "prompt", url, "invite", "guest=Ann", "--json").out)[0]["messages"], 2)
	for _, c := range []struct{ word, name, err string }{
		{"guest=a", "invit", "hawser: the server has no prompt invit\nhint: did you mean invite?\n"},
		{"gest=a", "invite", "hawser: the prompt has no argument gest\nhint: did you mean guest?\n"},
		{"day=a", "invite", "hawser: the prompt requires guest\nhint: it takes guest, day\n"},
		{"day:=1", "invite", "hawser: argument day: expected text, got JSON\nhint: write day=value\n"},
	} {
		require.Equal(t, result{exitUsage, "", c.err}, hawser(t, "prompt", url, c.name, c.word))
	}
}

func TestComplete(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, result{0, "invite:guest:A\nday=may\n", "(2 of 5)\n"}, hawser(t, "complete", url, "prompt", "invite", "guest", "A", "day=may"))
	require.Equal(t, result{0, "tea://menu/{day}:m\n", ""}, hawser(t, "complete", url, "template", "tea://menu/{day}", "day", "m"))
	require.Equal(t, result{0, "", "no completions\n"}, hawser(t, "complete", url, "template", "tea://menu/{day}", "day", "none"))
	r := succeeds(t, "complete", url, "prompt", "invite", "guest", "A", "--json")
	require.Equal(t, map[string]any{"values": []any{"invite:guest:A", "day="}, "total": 5.0, "hasMore": true}, documents(t, r.out)[0]["completion"])
	require.Contains(t, hawser(t, "complete", url, "tool", "x", "y", "z").err, "expected prompt or template")
}

func TestPing(t *testing.T) {
	url := teahouse(t)
	require.Equal(t, "teahouse 1.2.3 answered in 0s (protocol 2025-11-25, legacy era)\n", succeeds(t, "ping", url, "--protocol", "2025-11-25").out)
	require.JSONEq(t, `{"name":"teahouse","version":"1.2.3","protocolVersion":"2025-11-25","era":"legacy","milliseconds":0}`,
		succeeds(t, "ping", url, "--json", "--protocol", "2025-11-25").out)

	srv := mcptest.New(mcptest.Modern)
	srv.Name = "apps"
	srv.Capabilities = map[string]any{"extensions": map[string]any{"io.modelcontextprotocol/ui": map[string]any{"n": 7}, "com.example/\x1b[31ma": nil}}
	link := srv.Loopback(t)
	require.Equal(t, "apps 1.0.0 answered in 0s (protocol 2026-07-28, modern era)\nextension com.example/a\nextension io.modelcontextprotocol/ui\n",
		succeeds(t, "ping", link.URL).out)
	require.Equal(t, map[string]any{"io.modelcontextprotocol/ui": map[string]any{"n": 7.0}, "com.example/\x1b[31ma": nil},
		documents(t, succeeds(t, "ping", link.URL, "--json").out)[0]["extensions"])
}

func TestShellCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, succeeds(t, "completion", shell).out, "hawser")
	}
	url := teahouse(t)
	proposed := func(args ...string) []string {
		r := succeeds(t, append([]string{"__complete"}, args...)...)
		lines := strings.Split(strings.TrimSpace(r.out), "\n")
		return lines[:len(lines)-1] // the last line is the directive
	}
	require.Equal(t, []string{"brew", "burn", "hostile", "mixed", "silent", "structured"}, proposed("call", url, ""))
	require.ElementsMatch(t, []string{"tea=", "cups=", "milk="}, proposed("call", url, "brew", ""))
	require.Equal(t, []string{"invite"}, proposed("prompt", url, ""))
	require.Equal(t, []string{"guest=", "day="}, proposed("prompt", url, "invite", ""))
	require.Equal(t, []string{"tea://menu"}, proposed("read", url, ""))
	require.Empty(t, proposed("call", "http://127.0.0.1:1/mcp", ""), "silent when there is nobody")
	require.Equal(t, []string{"ask", "accept", "decline"}, proposed("call", url, "brew", "--elicit", ""))
}

func TestShellCompletesOnlySafeNames(t *testing.T) {
	srv := mcptest.New(mcptest.Modern)
	for _, name := range []string{"good", "$(reboot)", "a b", "`id`", "x;y", "-rf", "new\nline"} {
		srv.Tools = append(srv.Tools, &mcptest.Tool{Name: name})
	}
	require.Equal(t, "good\n:4\n", succeeds(t, "__complete", "call", srv.Loopback(t).URL, "").out)
}
