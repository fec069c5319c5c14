package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
)

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		indent  string
		want    string
	}{
		{"a long line", 0, "", "a long line"},
		{"fits here", 9, "", "fits here"},
		{"does not fit", 8, "", "does not\nfit"},
		{"does not fit here", 8, "  ", "does not\n  fit\n  here"},
		{"  name  text of it", 12, "        ", "  name  text of it"}, // the columns are too narrow for the indent
		{"  name  text of it", 16, "        ", "  name  text of\n        it"},
		{"one\n\ntwo three", 5, "", "one\n\ntwo\nthree"},
		{"https://example.com/a/long/path", 10, "", "https://example.com/a/long/path"},
		{"see https://example.com/a ok", 10, "", "see\nhttps://example.com/a\nok"},
		{"茶茶 茶茶", 8, "", "茶茶\n茶茶"},
	} {
		require.Equal(t, c.want, wrap(c.text, c.columns, c.indent), c.text)
	}
	require.Equal(t, "abcd efgh i jk", breakWords("abcdefghi jk", 4))
	require.Equal(t, "茶茶 茶", breakWords("茶茶茶", 4))
	require.Equal(t, "as it is", breakWords("as it is", 0))
}

// Lists and questions are wrapped at the width of the terminal. Output to a file is not wrapped.
func TestLinesFitTheTerminal(t *testing.T) {
	const columns = 60
	long := strings.Repeat("many words ", 15)
	srv := legacy("ask", elicits(formParams(long+strings.Repeat("x", 200), `{"type":"object","properties":{"word":{"type":"string","description":"`+long+`"}}}`)))
	srv.Tools[0].Description = long
	srv.Tools[0].Schema = `{"type":"object","properties":{"taste":{"type":"string","description":"` + long + `"}}}`
	url := srv.Loopback(t).URL
	on := machine{width: columns, person: true, stdin: "!decline\n"}
	listed, asked := on.hawser(t, "tools", url), on.hawser(t, "call", url, "ask")
	for line := range strings.Lines(listed.out + asked.err) {
		require.LessOrEqual(t, width(strings.TrimRight(line, " \n")), columns, line)
	}
	require.Contains(t, listed.out, "\n  many words ")
	require.Contains(t, listed.out, "\n                   many words ")
	require.Contains(t, asked.err, "\n    many words ")
	require.Contains(t, asked.err, "\n  | "+strings.Repeat("x", columns-4)+"\n  | x", "each line of the server has the mark")
	require.Equal(t, 2, strings.Count(succeeds(t, "tools", url).out, "\n"))
	for line := range strings.Lines(machine{width: 80}.hawser(t, "call", "--help").out) {
		require.LessOrEqual(t, width(strings.TrimRight(line, "\n")), 80, line)
	}
}

// List commands declare the same capabilities as calls, since a server may offer more to a client
// with handlers.
func TestListsDeclareWhatCallsDeclare(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		srv.Tools = []*mcptest.Tool{{Name: "one"}}
		url := srv.Loopback(t).URL
		succeeds(t, "call", url, "one")
		declared := srv.ClientCapabilities()
		require.Contains(t, string(declared), "roots")
		for _, command := range [][]string{{"tools", url}, {"prompts", url}, {"resources", url}, {"__complete", "call", url, ""}} {
			succeeds(t, command...)
			require.JSONEq(t, string(declared), string(srv.ClientCapabilities()), command)
		}
	})
}
