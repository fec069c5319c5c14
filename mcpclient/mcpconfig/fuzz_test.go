package mcpconfig_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

// canary is a secret. It is no name of a variable, which may be shown.
const canary = "S3CRET!canary"

// FuzzLoad loads files in which each @ of a value is the canary, as are all variables, answers and
// headers of helpers. Neither problems nor errors nor printed values contain it.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "products", "*.json*"))
	require.NoError(f, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	_, broken := brokenFiles(f)
	for _, text := range broken {
		f.Add([]byte(strings.ReplaceAll(text, "secret", "@")))
	}
	f.Add([]byte(`{"mcpServers": {"a": {"type": "@", "url": "@"}, "b": {"url": "https://b.example.com/@?@", "headers": {"X": "@", "Y": "${@}"},
		"oauth": {"clientId": "@", "clientSecret": "@", "scopes": ["@"], "issuer": "@", "callbackPort": "@"}, "tools": "@", "timeout": "@",
		"hawser": {"executor": "@", "allow": ["[@"], "approve": {"*": "@"}, "connectTimeout": "@", "headersFromEnv": {"X": "@"}}},
		"c": {"command": ["@"], "args": ["@", "{file:@}"], "env": {"A": "@"}, "cwd": "@"}, "d": {"type": "ws", "url": "wss://d.example.com/@"},
		"e": "@", "f": {"auth": "@", "url": "http://f.example.com"}, "g": {"url": "http://g.example.com", "bearer_token_env_var": "@"}},
		"hawser": {"executors": {"x": {"url": "ws://x.example.com/@", "token": "@"}, "y": {"url": "@", "tokenEnv": "@"}}, "@": 1},
		"inputs": [{"id": "@", "default": "@", "options": ["@"], "type": "@"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Contains(text, []byte(canary)) {
			return
		}
		l := leakyLoader()
		_, err := l.Parse(t.Context(), "mcp.json", bytes.ReplaceAll(text, []byte("@"), []byte(canary)))
		if err != nil {
			require.NotContains(t, err.Error(), canary)
		}
		requirePrivate(t, withCanary(t, l, text))
	})
}

func leakyLoader() *mcpconfig.Loader {
	calls := 0
	return &mcpconfig.Loader{
		Env: func(string) (string, bool) { return canary, true },
		Input: func(context.Context, mcpconfig.Input) (string, error) {
			if calls++; calls%2 == 0 {
				return canary, errors.New(canary)
			}
			return canary, nil
		},
		Helper: func(_ context.Context, _, server, _ string) (http.Header, error) {
			if len(server)%2 == 0 {
				return nil, errors.New(canary)
			}
			return http.Header{"X-Key": {canary}}, nil
		},
		Vars: map[string]string{"workspaceFolder": canary},
	}
}

// withCanary loads a file after it replaced each @ in its values, not in its keys. It returns nil
// if the file is not JSON.
func withCanary(t *testing.T, l *mcpconfig.Loader, text []byte) *mcpconfig.Config {
	t.Helper()
	var m map[string]any
	if json.Unmarshal(text, &m) != nil {
		return nil
	}
	cfg, err := l.LoadMap(t.Context(), replaced(m).(map[string]any))
	if err != nil {
		require.NotContains(t, err.Error(), canary)
		return nil
	}
	return cfg
}

func replaced(v any) any {
	switch v := v.(type) {
	case string:
		return strings.ReplaceAll(v, "@", canary)
	case []any:
		for i := range v {
			v[i] = replaced(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = replaced(v[key])
		}
	}
	return v
}

func requirePrivate(t *testing.T, cfg *mcpconfig.Config) {
	t.Helper()
	if cfg == nil {
		return
	}
	fatal := map[string]bool{}
	for _, p := range cfg.Problems {
		require.NotContains(t, p.Error(), canary)
		require.NotEmpty(t, p.Reason)
		fatal[p.Server] = fatal[p.Server] || p.Fatal && p.Server != ""
	}
	shown := true // a host is not a secret, and is printed
	addresses := []string{}
	for i := range cfg.Servers {
		s := &cfg.Servers[i]
		require.False(t, fatal[s.Name], "%s has a fatal problem", s.Name)
		require.True(t, s.Disabled || (s.URL == "") != (s.Other == nil), "%s has no address, or two", s.Name)
		if s.Executor != "" {
			require.Contains(t, cfg.Executors, s.Executor)
		}
		addresses = append(addresses, s.URL)
		if s.Other != nil {
			addresses = append(addresses, s.Other.URL)
		}
	}
	for _, e := range cfg.Executors {
		addresses = append(addresses, e.URL)
	}
	for _, address := range addresses {
		u, err := url.Parse(address)
		shown = shown && err == nil && !strings.Contains(u.Host, canary)
	}
	require.True(t, slices.IsSortedFunc(cfg.Servers, func(a, b mcpconfig.Server) int { return strings.Compare(a.Name, b.Name) }))
	if !shown {
		return
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
		fmt.Fprintf(&out, verb, cfg)
		fmt.Fprintf(&out, verb, *cfg)
		fmt.Fprintf(&out, verb, []any{cfg, cfg.Servers, cfg.Executors})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "cfg", cfg, "servers", cfg.Servers)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "cfg", cfg, "servers", cfg.Servers)
	require.NotContains(t, out.String(), canary)
}
