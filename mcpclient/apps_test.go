package mcpclient_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Only a list without "model" hides a tool from models (MCP Apps 2026-01-26, "Visibility"). A value
// of another type is ignored, like every optional member of a wrong type.
func TestVisibleToModel(t *testing.T) {
	for meta, want := range map[string]bool{
		`null`:                                        true,
		`{}`:                                          true,
		`{"ui":{}}`:                                   true,
		`{"ui":{"resourceUri":"ui://a"}}`:             true,
		`{"ui":null}`:                                 true,
		`{"ui":"app"}`:                                true,
		`{"ui":{"visibility":null}}`:                  true,
		`{"ui":{"visibility":"app"}}`:                 true,
		`{"ui":{"visibility":{"app":1}}}`:             true,
		`{"ui":{"visibility":["model"]}}`:             true,
		`{"visibility":["app"]}`:                      true,
		`{"ui":{"Visibility":["app"]}}`:               true,
		`{"ui":{"visibility":[]}}`:                    false,
		`{"ui":{"visibility":["app"]}}`:               false,
		`{"ui":{"visibility":["Model"]}}`:             false,
		`{"ui":{"visibility":[7,{},null]}}`:           false,
		`{"ui":{"visibility":[7,"model"]}}`:           true,
		`{"ui":{"visibility":["app","model","new"]}}`: true,
	} {
		var tool mcpclient.Tool
		require.NoError(t, json.Unmarshal(fmt.Appendf(nil, `{"name":"t","_meta":%s}`, meta), &tool))
		require.Equal(t, want, tool.VisibleToModel(), meta)
	}
	own := mcpclient.Tool{Tool: mcp.Tool{Meta: &mcp.Meta{AdditionalFields: map[string]any{"ui": map[string]any{"visibility": []string{"app"}}}}}}
	require.False(t, own.VisibleToModel(), "a tool that the user created")
	require.True(t, new(mcpclient.Tool).VisibleToModel())
}
