package mcpclient

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

// What a client declares is encoded as package mcp defines it.
func TestDeclarationsAreEncodedAsDefined(t *testing.T) {
	for _, info := range []mcp.Implementation{
		{}, {Name: "n", Version: "1"}, {Name: "<\"&é\u2028\xff\n", Version: "v", Title: "t", Description: "d", WebsiteURL: "https://w?a&b"},
		{Name: "n", Icons: []mcp.Icon{{Src: "s"}}},
	} {
		for _, handlers := range []Handlers{{}, {Roots: func(context.Context, *Session) ([]mcp.Root, error) { return nil, nil }}} {
			for _, extensions := range [][]Extension{nil, {{ID: "com.example/a", Settings: map[string]any{"x": 1}}}} {
				o := Options{ClientInfo: info, Handlers: handlers, Extensions: extensions}
				got, err := o.initializeParams("2025-11-25")
				require.NoError(t, err)
				want, err := json.Marshal(mcp.InitializeParams{
					ProtocolVersion: "2025-11-25", Capabilities: o.capabilities(EraLegacy, "2025-11-25"), ClientInfo: info,
				})
				require.NoError(t, err)
				require.JSONEq(t, string(want), string(got))
				meta := (&Session{opts: o}).modernMeta("2026-07-28")
				want, err = json.Marshal(map[string]any{
					mcp.MetaKeyProtocolVersion: "2026-07-28", mcp.MetaKeyClientInfo: info,
					mcp.MetaKeyClientCapabilities: o.capabilities(EraModern, "2026-07-28"),
				})
				require.NoError(t, err)
				require.JSONEq(t, string(want), "{"+string(meta)+"}")
			}
		}
	}
}
