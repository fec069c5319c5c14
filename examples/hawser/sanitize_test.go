package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                          {"", ""},
		"text":                             {"Grüße, 茶\n\tand tea", "Grüße, 茶\n\tand tea"},
		"colour (CSI)":                     {"\x1b[31mred\x1b[0m", "red"},
		"cursor and clear":                 {"a\x1b[2J\x1b[1;1Hb", "ab"},
		"CSI that is cut":                  {"a\x1b[31", "a"},
		"CSI with intermediates":           {"a\x1b[!pb", "ab"},
		"title (OSC, ended by BEL)":        {"a\x1b]0;owned\ab", "ab"},
		"link (OSC, ended by ST)":          {"\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\", "click"},
		"clipboard (OSC 52)":               {"\x1b]52;c;cm0gLXJm\a!", "!"},
		"OSC without an end keeps text":    {"\x1b]0;still\nthere", "0;still\nthere"},
		"device control (DCS)":             {"a\x1bPq#0\x1b\\b", "ab"},
		"application command (APC)":        {"a\x1b_G\x1b\\b", "ab"},
		"reset":                            {"a\x1bcb", "ab"},
		"charset":                          {"a\x1b(0b", "ab"},
		"lone escape":                      {"a\x1b", "a"},
		"escape before a control":          {"a\x1b\x07b", "ab"},
		"C1 CSI":                           {"a\u009b31mb", "ab"},
		"C1 OSC and ST":                    {"a\u009d0;x\u009cb", "ab"},
		"C1 alone":                         {"a\u0085b", "ab"},
		"bytes that are no UTF-8":          {"a\x9b31m", "a\ufffd31m"},
		"carriage return, backspace, bell": {"safe\r\b\aevil", "safeevil"},
		"null and delete":                  {"a\x00\x7fb", "ab"},
		"right-to-left override":           {"a\u202etxt.exe\u202c", "atxt.exe"},
		"isolates and marks":               {"\u2066a\u2069\u200e\u200f\u061cb", "ab"},
		"zero width and byte order mark":   {"a\u200b\ufeff\u2060b", "ab"},
		"tag characters":                   {"a\U000e0041b", "ab"},
		"line and paragraph separators":    {"a\u2028b\u2029c", "a\nb\nc"},
		"joiners stay":                     {"👩\u200d💻 می\u200cخواهم", "👩\u200d💻 می\u200cخواهم"},
		"a sequence inside another":        {"\x1b\x1b[31m[31mx", "[31mx"},
		"a sequence made by removal":       {"\x1b\x00[31mx", "[31mx"},
	} {
		t.Run(name, func(t *testing.T) {
			got := clean(c.text)
			require.Equal(t, c.want, got)
			require.Equal(t, got, clean(got), "clean text is unchanged")
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[31mb\x1b]0;x\ac\u009b1m\u202e")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range clean(text) {
			if hidden(r) {
				t.Fatalf("%q of %q", r, text)
			}
		}
	})
}

func TestOneLine(t *testing.T) {
	require.Equal(t, "a b c", oneLine("  a\nb\t\r\n c\u2028", 10))
	require.Equal(t, "ää…", oneLine("äää", 2))
}

func TestJSONIsEscaped(t *testing.T) {
	raw := []byte("{\n  \"a\" : \"x\u202ey\u009b\x7f\U000e0041 茶\",\n  \"n\": 12345678901234567890.10\n}")
	got := safeJSON(raw)
	require.Equal(t, `{"a":"x\u202ey\u009b\u007f\udb40\udc41 茶","n":12345678901234567890.10}`, string(got))
	var want, have any
	require.NoError(t, json.Unmarshal(raw, &want))
	require.NoError(t, json.Unmarshal(got, &have))
	require.Equal(t, want, have, "the value is the same")
	require.Equal(t, `"no \u001b json"`, string(safeJSON([]byte("no \x1b json"))))
	require.Equal(t, "{\n  \"a\": \"\\u202e\"\n}", prettyJSON([]byte("{\"a\":\"\u202e\"}")))
}

func TestSecretsAreHidden(t *testing.T) {
	var screen strings.Builder
	c := &console{w: &screen}
	c.hide("sesame-123")
	c.hide("abc") // too short for a secret
	c.line("you sent sesame-123, and abc")
	c.line("cut: sesame-…")
	c.line("hidden: ses\x1b[0mame-123")
	c.say("asked: sesame-123\n")
	require.Equal(t, "you sent [hidden], and abc\ncut: [hidden]…\nhidden: [hidden]\nasked: [hidden]\n", screen.String())
}
