package fileroot

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
		root, err := New(path + "/")
		require.NoError(t, err)
		require.Equal(t, name, root.Name)
		require.NoError(t, Check([]mcp.Root{root}))

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
	relative, err := New("./../plain/f.txt")
	require.NoError(t, err)
	require.Equal(t, "f.txt", relative.Name)
	require.True(t, strings.HasSuffix(relative.URI, "/plain/f.txt"), relative.URI)
}

func TestFileRootOfAMissingFile(t *testing.T) {
	_, err := New(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = New("")
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
	require.NoError(t, Check(nil))
	for _, uri := range []string{
		"file:///", "file:///home/a", "file:///home/a/", "FILE:///x", "file://localhost/x", "file://LocalHost/x", "file:///C:/Data", "file:///a%20b",
		"file:///a%2520b", "file:///..a/b..", "file:///...", "file:///a%5Cb", "file:///a%252e%252e",
	} {
		require.NoError(t, Check([]mcp.Root{{URI: uri}}), uri)
	}
	for uri, want := range map[string]error{
		"": errScheme, "/home/a": errScheme, "https://example.com/a": errScheme, "file:/a": errScheme, "file:a": errScheme,
		"fil": errScheme, "file://": errPath, "file://localhost": errPath, "file://server/share": errHost,
		"file://localhost:80/a": errHost, "file://user@/a": errHost, "file://user@localhost/a": errHost, "file://home/a": errHost,
		"file://localhost.example.com/a": errHost, "file://127.0.0.1/a": errHost,
		"file:///a/../b": errPath, "file:///..": errPath, "file:///a/..": errPath, "file:///a/%2e%2e/b": errPath,
		"file:///a/%2E./b": errPath, "file:///a/./b": errPath, "file:///a//b": errPath, "file:////a": errPath,
		"file:////": errPath, "file:///a%2f..%2fb": errPath, "file:///C:/a%5C..%5Cb": errPath, "file:///a/..%5C": errPath,
		"file:///a?b": errTail, "file:///a?": errTail, "file:///a#b": errTail, "file:///a#": errTail,
		"file:///a b": errEncoded, "file:///é": errEncoded, "file:///a\nb": errEncoded, "file:///a\x7f": errEncoded,
		"file:///a%0ab": errControl, "file:///a%00": errControl, "file:///a%1b[31m": errControl, "file:///a%C2%85": errControl,
	} {
		err := Check([]mcp.Root{{URI: "file:///ok"}, {URI: uri}})
		require.ErrorIs(t, err, want, uri)
		require.ErrorContains(t, err, "roots[1]: ")
	}
	err := Check([]mcp.Root{{URI: "file:///secret%zz"}})
	require.ErrorContains(t, err, "%zz")
	require.NotContains(t, err.Error(), "secret")

	many := make([]mcp.Root, maxRoots+1)
	for i := range many {
		many[i].URI = "file:///a"
	}
	require.NoError(t, Check(many[:maxRoots]))
	require.ErrorContains(t, Check(many), "10000")
}
