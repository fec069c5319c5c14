package mcpclient

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"
)

func TestFileRoot(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"plain", "with space", "100%", "a#b", "a?b", "%41", "日本é", "a&b=c;d+e", "[x]", "..a", `q"<>|`} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		root, err := FileRoot(path + "/")
		require.NoError(t, err)
		require.Equal(t, name, root.Name)
		require.NoError(t, checkRoots([]mcp.Root{root}))

		u, err := url.Parse(root.URI)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(root.URI, "file:///"), root.URI)
		require.Equal(t, path, filepath.FromSlash(u.Path))
		require.NotContains(t, root.URI, " ")
		require.NotContains(t, root.URI, "?")
		require.NotContains(t, root.URI, "#")
	}
	file := filepath.Join(dir, "plain", "f.txt")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	t.Chdir(filepath.Join(dir, "plain"))
	relative, err := FileRoot("./../plain/f.txt")
	require.NoError(t, err)
	require.Equal(t, "f.txt", relative.Name)
	require.True(t, strings.HasSuffix(relative.URI, "/plain/f.txt"), relative.URI)
}

func TestFileRootOfNothing(t *testing.T) {
	_, err := FileRoot(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = FileRoot("")
	require.Error(t, err)
}

func TestPathRoot(t *testing.T) {
	for _, tt := range []struct {
		path    string
		windows bool
		want    mcp.Root
	}{
		{"/", false, mcp.Root{URI: "file:///", Name: "/"}},
		{"/home/a b/ü%", false, mcp.Root{URI: "file:///home/a%20b/%C3%BC%25", Name: "ü%"}},
		{`/a\b`, false, mcp.Root{URI: "file:///a%5Cb", Name: `a\b`}},
		{"/a\xff", false, mcp.Root{URI: "file:///a%FF", Name: "a\ufffd"}},
		{`C:\Data\a b#1`, true, mcp.Root{URI: "file:///C:/Data/a%20b%231", Name: "a b#1"}},
		{`d:\`, true, mcp.Root{URI: "file:///d:/", Name: "d:"}},
		{`C:/x`, true, mcp.Root{URI: "file:///C:/x", Name: "x"}},
	} {
		got, err := pathRoot(tt.path, tt.windows)
		require.NoError(t, err, tt.path)
		require.Equal(t, tt.want, got)
	}
	for _, tt := range []struct {
		path    string
		windows bool
	}{
		{`\\server\share`, true},
		{`\\?\C:\x`, true},
		{`C:x`, true},
		{`1:\x`, true},
		{`C:`, true},
		{`x`, true},
		{"", true},
		{"/a\nb", false},
		{"a", false},
	} {
		_, err := pathRoot(tt.path, tt.windows)
		require.Error(t, err, tt.path)
	}
}

func TestCheckRoots(t *testing.T) {
	require.NoError(t, checkRoots(nil))
	for _, uri := range []string{
		"file:///", "file:///home/a", "file:///home/a/", "FILE:///x", "file://localhost/x", "file://LocalHost/x", "file:///C:/Data", "file:///a%20b",
		"file:///a%2520b", "file:///..a/b..", "file:///...", "file:///a%5Cb", "file:///a%252e%252e",
	} {
		require.NoError(t, checkRoots([]mcp.Root{{URI: uri}}), uri)
	}
	for uri, want := range map[string]error{
		"": errRootScheme, "/home/a": errRootScheme, "https://example.com/a": errRootScheme, "file:/a": errRootScheme, "file:a": errRootScheme,
		"fil": errRootScheme, "file://": errRootPath, "file://localhost": errRootPath, "file://server/share": errRootHost,
		"file://localhost:80/a": errRootHost, "file://user@/a": errRootHost, "file://user@localhost/a": errRootHost, "file://home/a": errRootHost,
		"file://localhost.example.com/a": errRootHost, "file://127.0.0.1/a": errRootHost,
		"file:///a/../b": errRootPath, "file:///..": errRootPath, "file:///a/..": errRootPath, "file:///a/%2e%2e/b": errRootPath,
		"file:///a/%2E./b": errRootPath, "file:///a/./b": errRootPath, "file:///a//b": errRootPath, "file:////a": errRootPath,
		"file:////": errRootPath, "file:///a%2f..%2fb": errRootPath, "file:///C:/a%5C..%5Cb": errRootPath, "file:///a/..%5C": errRootPath,
		"file:///a?b": errRootTail, "file:///a?": errRootTail, "file:///a#b": errRootTail, "file:///a#": errRootTail,
		"file:///a b": errRootEncoded, "file:///é": errRootEncoded, "file:///a\nb": errRootEncoded, "file:///a\x7f": errRootEncoded,
		"file:///a%0ab": errRootControl, "file:///a%00": errRootControl, "file:///a%1b[31m": errRootControl, "file:///a%C2%85": errRootControl,
	} {
		err := checkRoots([]mcp.Root{{URI: "file:///ok"}, {URI: uri}})
		require.ErrorIs(t, err, want, uri)
		require.ErrorContains(t, err, "roots[1]: ")
	}
	err := checkRoots([]mcp.Root{{URI: "file:///secret%zz"}})
	require.ErrorContains(t, err, "%zz")
	require.NotContains(t, err.Error(), "secret")

	many := make([]mcp.Root, maxRoots+1)
	for i := range many {
		many[i].URI = "file:///a"
	}
	require.NoError(t, checkRoots(many[:maxRoots]))
	require.ErrorContains(t, checkRoots(many), "10000")
}
