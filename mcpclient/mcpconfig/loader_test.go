package mcpconfig_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// parse loads a text with the given variables. It must have no error.
func parse(t *testing.T, text string, env map[string]string) *mcpconfig.Config {
	t.Helper()
	l := &mcpconfig.Loader{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	cfg, err := l.Parse(t.Context(), "mcp.json", []byte(text))
	require.NoError(t, err)
	return cfg
}

// only returns the single server of a configuration that has no problems.
func only(t *testing.T, cfg *mcpconfig.Config) mcpconfig.Server {
	t.Helper()
	require.Empty(t, cfg.Problems)
	require.Len(t, cfg.Servers, 1)
	return cfg.Servers[0]
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// The zero Loader uses the environment of the process.
func TestZeroLoader(t *testing.T) {
	t.Setenv("MCPCONFIG_TEST", "value")
	file := write(t, "mcp.json", `{"mcpServers": {"a": {"url": "https://a.example.com/mcp", "headers": {"X-Key": "${MCPCONFIG_TEST}"}}}}`)
	cfg, err := new(mcpconfig.Loader).Load(t.Context(), file)
	require.NoError(t, err)
	require.Equal(t, http.Header{"X-Key": {"value"}}, only(t, cfg).Header)
}

// A value that was filled in is not expanded again, wherever it came from.
func TestValuesAreExpandedOnce(t *testing.T) {
	env := map[string]string{"A": "${B}", "B": "$C {env:D} ${input:x} {{E}} ${V}", "D": "d"}
	l := &mcpconfig.Loader{
		Env:   func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Input: func(context.Context, mcpconfig.Input) (string, error) { return "${A}", nil },
		Helper: func(context.Context, string, string, string) (http.Header, error) {
			return http.Header{"X-6": {"${A}"}}, nil
		},
		Vars: map[string]string{"V": "${A}", "E": "${A}"},
	}
	cfg, err := l.Parse(t.Context(), "", []byte(`{"servers": {"a": {
		"url": "https://a.example.com/mcp",
		"headers": {"X-1": "${A}", "X-2": "${B}", "X-3": "{env:A}", "X-4": "${input:x}", "X-5": "${V}|{{E}}|${NONE:-$A}"},
		"headersHelper": "helper"
	}}, "inputs": [{"id": "x"}]}`))
	require.NoError(t, err)
	require.Equal(t, http.Header{
		"X-1": {"${B}"}, "X-2": {env["B"]}, "X-3": {"${B}"}, "X-4": {"${A}"}, "X-5": {"${A}|${A}|$A"}, "X-6": {"${A}"},
	}, only(t, cfg).Header)
}

// Of entries and executors with one name, those of the first file count, as a whole, even if they
// cannot be used.
func TestFirstFileCounts(t *testing.T) {
	first := write(t, "first.json", `{
		"mcpServers": {"a": {"url": "https://first.example.com/mcp"}, "broken": {"url": "${UNSET_IN_TEST}"}},
		"hawser": {"executors": {"x": {"url": "ws://first.example.com"}}}
	}`)
	second := write(t, "second.json", `{
		"mcpServers": {
			"a": {"url": "https://second.example.com/mcp", "headers": {"X-Key": "1"}},
			"b": {"url": "https://b.example.com/mcp", "hawser": {"executor": "x"}},
			"broken": {"url": "https://second.example.com/mcp"}
		},
		"hawser": {"executors": {"x": {"url": "ws://second.example.com"}}}
	}`)
	cfg, err := new(mcpconfig.Loader).Load(t.Context(), first, second)
	require.NoError(t, err)
	require.Len(t, cfg.Servers, 2)
	require.Equal(t, mcpconfig.Server{Name: "a", URL: "https://first.example.com/mcp"}, cfg.Servers[0])
	require.Equal(t, "x", cfg.Servers[1].Executor)
	require.Equal(t, "ws://first.example.com", cfg.Executors["x"].URL)
	var where []string
	for _, p := range cfg.Problems {
		where = append(where, fmt.Sprintf("%s:%d %s%s %v", filepath.Base(p.File), p.Line, p.Server, p.Key, p.Fatal))
	}
	require.Equal(t, []string{
		"first.json:2 brokenurl true", "second.json:3 a false", "second.json:5 broken false", "second.json:7 hawser.executors.x false",
	}, where)
	require.Contains(t, cfg.Problems[1].Reason, "first.json:2 already has a server with this name")
}

// A file that is not there fails by its name, and the cause can be examined.
func TestMissingFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "none.json")
	_, err := new(mcpconfig.Loader).Load(t.Context(), name)
	var failed *mcpconfig.FileError
	require.ErrorAs(t, err, &failed)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Equal(t, name, failed.File)
	require.Equal(t, 1, strings.Count(err.Error(), "none.json"))
}

// The error has the position of the mistake, also behind comments.
func TestPositionOfError(t *testing.T) {
	_, err := new(mcpconfig.Loader).Parse(t.Context(), "mcp.json", []byte("\xef\xbb\xbf{ // é\n  /* \n */ \"mcpServers\": x}"))
	var failed *mcpconfig.FileError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, []any{3, 19}, []any{failed.Line, failed.Column})
	require.EqualError(t, err, "mcp.json:3:19: invalid character 'x' looking for beginning of value")
	_, err = new(mcpconfig.Loader).Parse(t.Context(), "mcp.json", []byte("{\n\"a\": \"\xff\"}"))
	require.EqualError(t, err, "mcp.json:2:7: not UTF-8: save the file in this encoding")
}

// An input is asked for once, and not for disabled entries. If the answer fails, the error is not
// shown.
func TestInputs(t *testing.T) {
	var asked []mcpconfig.Input
	l := &mcpconfig.Loader{Input: func(_ context.Context, in mcpconfig.Input) (string, error) {
		asked = append(asked, in)
		if in.ID == "bad" {
			return "", errors.New("S3CRET")
		}
		return "answer", nil
	}}
	cfg, err := l.Parse(t.Context(), "mcp.json", []byte(`{
		"inputs": [
			{"id": "key", "type": "promptString", "description": "The key", "password": true},
			{"id": "bad", "type": "pickString", "options": ["a", {"label": "B", "value": "b"}], "default": "a"},
			{"id": "off"}
		],
		"servers": {
			"a": {"url": "https://a.example.com/${input:key}", "headers": {"X-Key": "${input:key}"}},
			"b": {"url": "https://b.example.com/${input:key}"},
			"c": {"url": "https://c.example.com/${input:bad}/${input:bad}"},
			"d": {"url": "https://d.example.com/${input:off}", "disabled": true}
		}
	}`))
	require.NoError(t, err)
	require.Equal(t, []mcpconfig.Input{
		{ID: "key", Type: "promptString", Description: "The key", Password: true},
		{ID: "bad", Type: "pickString", Default: "a", Options: []string{"a", "b"}},
	}, asked)
	require.Len(t, cfg.Servers, 3)
	require.Equal(t, "https://a.example.com/answer", cfg.Servers[0].URL)
	require.True(t, cfg.Servers[2].Disabled)
	require.Len(t, cfg.Problems, 2)
	require.Equal(t, "the input bad was not answered", cfg.Problems[0].Reason)
	require.False(t, cfg.Problems[1].Fatal)
}

// headersHelper runs for entries that can be used, once each. Its headers replace those of the
// entry, and its error is not shown.
func TestHelper(t *testing.T) {
	var calls []string
	l := &mcpconfig.Loader{Helper: func(_ context.Context, command, server, url string) (http.Header, error) {
		calls = append(calls, command+" "+server+" "+url)
		switch server {
		case "fails":
			return nil, errors.New("S3CRET")
		case "invalid":
			return http.Header{"X-Key": {"S3CRET\n"}}, nil
		}
		return http.Header{"authorization": {"Bearer new"}}, nil
	}}
	cfg, err := l.Parse(t.Context(), "mcp.json", []byte(`{"mcpServers": {
		"a": {"url": "https://a.example.com/mcp", "headersHelper": "run", "headers": {"Authorization": "old", "X-Key": "1"}},
		"disabled": {"url": "https://b.example.com/mcp", "headersHelper": "run", "disabled": true},
		"fails": {"url": "https://c.example.com/mcp", "headersHelper": "run"},
		"invalid": {"url": "https://d.example.com/mcp", "headersHelper": "run"},
		"unusable": {"url": "https://e.example.com/mcp", "headersHelper": "run", "hawser": {"deny": ["["]}},
		"stdio": {"command": "x", "headersHelper": "run"}
	}}`))
	require.NoError(t, err)
	require.Equal(t, []string{
		"run a https://a.example.com/mcp", "run fails https://c.example.com/mcp", "run invalid https://d.example.com/mcp",
	}, calls)
	require.Equal(t, http.Header{"Authorization": {"Bearer new"}, "X-Key": {"1"}}, cfg.Servers[0].Header)
	require.Equal(t, &mcpconfig.OAuth{Off: true}, cfg.Servers[0].OAuth)
	require.NotContains(t, problems(cfg), "S3CRET")
	require.Len(t, cfg.Servers, 3)
}

// When the context ends while the user is asked, Load fails with its error and asks no further.
func TestContextEndsLoading(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	l := &mcpconfig.Loader{Input: func(context.Context, mcpconfig.Input) (string, error) {
		asked++
		cancel()
		return "", ctx.Err()
	}}
	_, err := l.Parse(ctx, "", []byte(`{"inputs": [{"id": "x"}, {"id": "y"}], "servers": {
		"a": {"url": "https://${input:x}"}, "b": {"url": "https://${input:y}"}}}`))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, asked)
}

// LoadMap accepts what decoders of TOML and YAML return.
func TestLoadMap(t *testing.T) {
	type text string
	cfg, err := new(mcpconfig.Loader).LoadMap(t.Context(), map[string]any{
		"mcp_servers": map[any]any{"a": map[text]any{
			"url": text("https://a.example.com/mcp"), "http_headers": map[string]string{"X-Key": "1"}, "enabled_tools": []string{"a"},
			"tool_timeout_sec": int64(5), "startup_timeout_sec": 1.5, "required": true, "scopes": []any{"read"}, "oauth": nil,
		}},
	})
	require.NoError(t, err)
	require.Equal(t, mcpconfig.Server{
		Name: "a", URL: "https://a.example.com/mcp", Header: http.Header{"X-Key": {"1"}}, Allow: []string{"a"}, Required: true,
		CallTimeout: 5 * time.Second, ConnectTimeout: 1500 * time.Millisecond, OAuth: &mcpconfig.OAuth{Scopes: []string{"read"}},
	}, only(t, cfg))

	cfg, err = new(mcpconfig.Loader).LoadMap(t.Context(), map[string]any{"mcpServers": map[string]any{"a": map[string]any{"url": time.Now()}}})
	require.NoError(t, err)
	require.Equal(t, `configuration: server "a": url: expected a string, got a value of another kind`, cfg.Problems[0].Error())

	_, err = new(mcpconfig.Loader).LoadMap(t.Context(), map[string]any{"mcpServers": map[int]any{1: "x"}})
	require.EqualError(t, err, "configuration: a key of a map is of type int: expected string")
}

// Files and maps without end are refused, and so are cycles.
func TestLimits(t *testing.T) {
	l := new(mcpconfig.Loader)
	for name, text := range map[string]string{
		"larger than 4 MiB, the limit":                `{"x": "` + strings.Repeat("a", 4<<20) + `"}`,
		"nested deeper than 64 levels, the limit":     `{"x": ` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`,
		"more than 100000 values, the limit":          `{"x": [0` + strings.Repeat(",0", 100_000) + `]}`,
		"more than 1000 servers, the limit":           `{"mcpServers": {` + servers(1001) + `}}`,
		"more than 1000 executors, the limit":         `{"hawser": {"executors": {` + servers(1001) + `}}}`,
		"a comment has no end: expected */":           `{/*` + strings.Repeat("*", 1000),
		"exceeded max depth":                          strings.Repeat("[", 1<<20),
		"unexpected end of JSON input":                strings.Repeat(`{"a":`, 100),
		"expected a JSON object, got a string":        `"` + strings.Repeat("a", 1000) + `"`,
		"the file is empty: expected a JSON object":   " // nothing\n",
		"invalid character 'x' in string escape code": `"\x"`,
	} {
		_, err := l.Parse(t.Context(), "f", []byte(text))
		require.ErrorAs(t, err, new(*mcpconfig.FileError), name)
		require.ErrorContains(t, err, name)
	}
	file := write(t, "large.json", strings.Repeat(" ", 4<<20+1))
	_, err := l.Load(t.Context(), file)
	require.ErrorContains(t, err, "larger than 4 MiB")

	cfg, err := l.Parse(t.Context(), "f", []byte(`{"mcpServers": {`+servers(1000)+`}}`))
	require.NoError(t, err)
	require.Len(t, cfg.Servers, 1000)

	cycle := map[string]any{}
	cycle["a"], cycle["b"] = cycle, cycle
	_, err = l.LoadMap(t.Context(), cycle)
	require.ErrorContains(t, err, "the limit")
	var loop any
	loop = &loop
	_, err = l.LoadMap(t.Context(), map[string]any{"a": loop})
	require.ErrorContains(t, err, "the limit")
}

func servers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"s%d": {"command": "x"}, `, i)
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// Of very many problems, the first thousand are shown.
func TestManyProblems(t *testing.T) {
	keys := strings.Repeat(`, "headders": 1, "colour": 2, "`+strings.Repeat("k", 60)+`": 3`, 20_000)
	cfg := parse(t, `{"mcpServers": {"a": {"command": "x"`+keys+`}, "b": {"url": "https://${UNSET}"}}}`, nil)
	require.Len(t, cfg.Problems, 1000)
	require.Regexp(t, `^\d+ more problems are not shown`, cfg.Problems[999].Reason)
	require.Empty(t, cfg.Servers)
}

// A name or key in a problem is short and has no line breaks, whatever the file has.
func TestNamesInProblemsAreClean(t *testing.T) {
	cfg := parse(t, `{"mcpServers": {"a\n\u001b[31mb": {"url": "https://a.example.com/mcp", "x\ny": 1, "`+strings.Repeat("k", 10_000)+`": 1}}}`, nil)
	require.Len(t, cfg.Problems, 2)
	require.Equal(t, "a\n\x1b[31mb", cfg.Servers[0].Name)
	for _, p := range cfg.Problems {
		require.NotContains(t, p.Error(), "\n")
		require.NotContains(t, p.Error(), "\x1b")
		require.Less(t, len(p.Error()), 1000)
	}
}

// A file without servers is not wrong. One with another content is reported, but other settings of
// a product are not.
func TestFilesWithoutServers(t *testing.T) {
	for _, text := range []string{"{}", `{"mcpServers": {}}`, `{"mcpServers": null}`, `{"mcp": {"servers": {}}}`, `{"servers": {}, "theme": {"name": "dark"}}`} {
		cfg := parse(t, text, nil)
		require.Empty(t, cfg.Problems, text)
		require.Empty(t, cfg.Servers, text)
	}
	require.Len(t, parse(t, `{"theme": "dark", "extensions": {"autoUpdate": true}, "servers": []}`, nil).Problems, 1)
}

// A key that differs only by case is another key.
func TestKeysMatchExactly(t *testing.T) {
	cfg := parse(t, `{"mcpServers": {"a": {"url": "https://a.example.com/mcp", "Headers": {"X-Key": "1"}, "TIMEOUT": 5000}}}`, nil)
	require.Len(t, cfg.Problems, 2)
	require.Equal(t, []mcpconfig.Server{{Name: "a", URL: "https://a.example.com/mcp"}}, cfg.Servers)
}

// Several keys of one file may list servers.
func TestSeveralRootKeys(t *testing.T) {
	cfg := parse(t, `{"mcpServers": {"a": {"command": "x"}}, "servers": {"b": {"command": "x"}}, "mcp": {"servers": {"c": {"command": "x"}}}}`, nil)
	require.Empty(t, cfg.Problems)
	require.Len(t, cfg.Servers, 3)
}

// The parts that are unknown are left out.
func TestProblemText(t *testing.T) {
	require.EqualError(t, mcpconfig.Problem{File: "mcp.json", Line: 3, Server: `a"b`, Key: "url", Reason: "invalid"}, `mcp.json:3: server "a\"b": url: invalid`)
	require.EqualError(t, mcpconfig.Problem{File: "mcp.json", Reason: "invalid"}, "mcp.json: invalid")
	require.EqualError(t, mcpconfig.Problem{Server: "a", Reason: "invalid"}, `configuration: server "a": invalid`)
}
