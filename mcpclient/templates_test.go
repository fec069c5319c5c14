package mcpclient

import (
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

func parsedTemplate(t testing.TB, text string) *ResourceTemplate {
	t.Helper()
	out := new(ResourceTemplate)
	data := append(jsonrpc.AppendString([]byte(`{"name":"n","uriTemplate":`), text), '}')
	require.NoError(t, out.UnmarshalJSON(data))
	return out
}

func TestTemplateVariables(t *testing.T) {
	tmpl := parsedTemplate(t, "db://{host}/{+path:3}{?q*,host,a.b_c}")
	want := []string{"host", "path", "q", "a.b_c"}
	got := tmpl.Variables()
	require.Equal(t, want, got)
	got[0] = "changed" // the caller owns the slice
	require.Equal(t, want, tmpl.Variables())
	require.Empty(t, parsedTemplate(t, "file:///a").Variables())
	require.Empty(t, parsedTemplate(t, "file:///{a").Variables())
}

func TestInvalidTemplate(t *testing.T) {
	for _, text := range []string{
		"{", "{a", "}", "{}", "{=a}", "{a*:3}", "{a:0}", "{a:10000}", "a b", "\x1b[31m", "%zz", "{a b}",
		strings.Repeat("a", 9000) + " \u202e",
	} {
		tmpl := parsedTemplate(t, text)
		require.Nil(t, tmpl.URITemplate)
		require.Nil(t, tmpl.Variables())
		_, err := tmpl.Expand(nil)
		var none *templateError
		require.ErrorAs(t, err, &none, text)
		require.Error(t, none.Unwrap())
		require.Less(t, len(err.Error()), 300)
		for _, r := range err.Error() {
			require.True(t, r >= ' ' && r < 0x7f || r == '…', "%q", err.Error())
		}
	}
}

// A template that a program creates may hold a parsed template, as package mcp sets it, or only the
// template's text.
func TestTemplateOfTheUser(t *testing.T) {
	made := &ResourceTemplate{ResourceTemplate: mcp.NewResourceTemplate("file:///{a}", "n")}
	text := &ResourceTemplate{RawURITemplate: "file:///{a}"}
	halfMade := &ResourceTemplate{RawURITemplate: "file:///{a}", ResourceTemplate: mcp.ResourceTemplate{URITemplate: new(mcp.URITemplate)}}
	for _, tmpl := range []*ResourceTemplate{made, text, halfMade} {
		require.Equal(t, []string{"a"}, tmpl.Variables())
		got, err := tmpl.Expand(map[string]any{"a": "b"})
		require.NoError(t, err)
		require.Equal(t, "file:///b", got)
	}
}

func TestExpandDoesNotChangeTheValues(t *testing.T) {
	values := map[string]any{"l": []string{"b", "a"}, "m": map[string]string{"z": "1", "a": "2"}}
	got, err := parsedTemplate(t, "{l}{?m*}").Expand(values)
	require.NoError(t, err)
	require.Equal(t, "b,a?a=2&z=1", got)
	require.Equal(t, map[string]any{"l": []string{"b", "a"}, "m": map[string]string{"z": "1", "a": "2"}}, values)
}
