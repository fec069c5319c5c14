package mcpconfig_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

// decoded are the products whose files are TOML or YAML. Their fixtures are what a decoder makes of
// them.
var decoded = []string{"codex.json", "librechat.json", "goose.json"}

// loader returns a loader with a few variables, a user and a helper.
func loader() *mcpconfig.Loader {
	env := map[string]string{
		"API_KEY": "key-${API_KEY}", "CLIENT_SECRET": "client-secret", "MCP_CLIENT_ID": "client-id", "MCP_CLIENT_SECRET": "client-secret",
		"FIGMA_TOKEN": "figma-token", "TEAM": "team-7", "EXEC_TOKEN": "exec-token",
	}
	return &mcpconfig.Loader{
		Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Input: func(_ context.Context, in mcpconfig.Input) (string, error) {
			return fmt.Sprintf("%s-%s-%v-%s", in.ID, in.Type, in.Password, strings.Join(in.Options, "-")), nil
		},
		Helper: func(_ context.Context, command, server, url string) (http.Header, error) {
			return http.Header{"X-Helper": {command + " " + server + " " + url}}, nil
		},
		Vars: map[string]string{"workspaceFolder": "/work space", "LIBRECHAT_USER_ID": "user-1"},
	}
}

// The file of each product loads to the servers in its golden file.
func TestFilesOfProducts(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "products", "*.json*"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 16)
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			cfg, err := load(t, file, slices.Contains(decoded, name))
			require.NoError(t, err)
			requireGolden(t, strings.TrimSuffix(file, filepath.Ext(file))+".golden", describe(cfg))
		})
	}
}

func load(t *testing.T, file string, isDecoded bool) (*mcpconfig.Config, error) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if !isDecoded {
		return loader().Parse(t.Context(), filepath.Base(file), text)
	}
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return loader().LoadMap(t.Context(), m)
}

func requireGolden(t *testing.T, file, text string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), text)
}

// describe writes a configuration with its secrets, which are test data here.
func describe(cfg *mcpconfig.Config) string {
	var b strings.Builder
	for _, s := range cfg.Servers {
		fmt.Fprintf(&b, "%s\n", s.Name)
		line := func(key string, value any, isSet bool) {
			if isSet {
				fmt.Fprintf(&b, "\t%s: %v\n", key, value)
			}
		}
		line("disabled", true, s.Disabled)
		line("url", s.URL, s.URL != "")
		header(&b, "header", s.Header)
		for _, name := range slices.Sorted(maps.Keys(s.HeadersFromEnv)) {
			line("header from the executor", name+": "+s.HeadersFromEnv[name], true)
		}
		line("executor", s.Executor, s.Executor != "")
		line("allow", fmt.Sprintf("%q", s.Allow), s.Allow != nil)
		line("deny", fmt.Sprintf("%q", s.Deny), s.Deny != nil)
		line("approve", s.Approve, s.Approve != nil)
		line("connect timeout", s.ConnectTimeout, s.ConnectTimeout != 0)
		line("call timeout", s.CallTimeout, s.CallTimeout != 0)
		line("required", true, s.Required)
		if s.OAuth != nil {
			type plain mcpconfig.OAuth
			line("oauth", fmt.Sprintf("%+v", plain(*s.OAuth)), true)
		}
		if o := s.Other; o != nil {
			line("kind", o.Kind, true)
			line("command", fmt.Sprintf("%q in %q", append([]string{o.Command}, o.Args...), o.Dir), o.Command != "")
			line("env", o.Env, o.Env != nil)
			line("url", o.URL, o.URL != "")
			header(&b, "header", o.Header)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Executors)) {
		fmt.Fprintf(&b, "executor %s: %s, token %q\n", name, cfg.Executors[name].URL, cfg.Executors[name].Token)
	}
	return b.String() + problems(cfg)
}

func header(b *strings.Builder, key string, h http.Header) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(b, "\t%s: %s: %s\n", key, name, strings.Join(h[name], ", "))
	}
}

func problems(cfg *mcpconfig.Config) string {
	var b strings.Builder
	for _, p := range cfg.Problems {
		severity := "note"
		if p.Fatal {
			severity = "fatal"
		}
		fmt.Fprintf(&b, "%s: %s\n", severity, p.Error())
	}
	return b.String()
}
