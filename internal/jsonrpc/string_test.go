package jsonrpc

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireSameString compares String and StringBytes with encoding/json.
func requireSameString(t *testing.T, text []byte) {
	t.Helper()
	before := string(text)
	var want string
	stdErr := json.Unmarshal(text, &want)

	c := NewCursor(text, 0)
	got := c.String()
	c.End()
	b := NewCursor(text, 0)
	gotBytes := b.StringBytes()
	b.End()
	require.Equal(t, stdErr == nil, c.Err() == nil, "%q: encoding/json returned %v, String %v", text, stdErr, c.Err())
	require.Equal(t, stdErr == nil, b.Err() == nil, "%q: encoding/json returned %v, StringBytes %v", text, stdErr, b.Err())
	if stdErr == nil {
		require.Equal(t, want, got, "%q", text)
		require.Equal(t, want, string(gotBytes), "%q", text)
	}
	require.Equal(t, before, string(text), "the text must not change")

	n := NewCursor([]byte(`{`+before+`:0}`), 0) // as a name
	n.EnterObject()
	key, _ := n.NextKey()
	first := NewCursor(text, 0)
	value := first.String()
	wantValue, err := referenceString(text)
	require.Equal(t, wantValue, value, "%q", text)
	require.Equal(t, err, first.Err(), "%q", text)
	if stdErr == nil {
		require.Equal(t, want, string(key), "%q", text)
	}
}

// oddStrings are contents of strings that decoders often get wrong.
var oddStrings = []string{
	``, `a`, `\"`, `\\`, `\/`, `\b\f\n\r\t`, `\u0000`, `\u0041`, `\u00e9`, `\u20AC`, `\uFfFf`, `\uFFFD`, `a\u`, `\u12`, `\u123`, `\u123g`, `\u-123`,
	`\ud83d\ude00`, `\uD83D\uDE00x`, `\ud83d`, `\ude00`, `\ud83d\ud83d\ude00`, `\ude00\ud83d`, `\ud83dx`, `\ud83d\n`, `\ud83d\u0041`, `\ud83d\u12`, `\ud83d\`,
	`\ud83d\ude0`, `\udbff\udfff`, `\ud800\udc00`, `\ud7ff\ue000`,
	`\x41`, `\'`, `\U0041`, `\`, `\0`, `\a`, `\`, "\\\n", "\n", "\t", "\x00", "\x1f", "\x7f", " ", "é", "日本語", "😀", "\u2028",
	"\xff", "\xc3", "\xc3\x28", "\xe2\x82", "\xe2\x82\\n", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80", "\xf0\x9f\x98", "a\xffb\\n\xfe\\u00e9\xff", "\xef\xbf\xbd",
}

func TestStringMatchesEncodingJSON(t *testing.T) {
	for _, content := range oddStrings {
		requireSameString(t, []byte(`"`+content+`"`))
		// The same content at each position in the windows of short texts and of texts with escapes,
		// followed by text.
		const window = shortText + 9
		for pad := 1; pad <= window; pad++ {
			plain := strings.Repeat("x", pad) + content + strings.Repeat("y", window-pad)
			requireSameString(t, []byte(`"`+plain+`"`))
			requireSameString(t, []byte(`"\n`+plain+`"`))
			requireSameString(t, []byte(`"\né`+plain+plain+`"`))
		}
		// The same content at the edges of the blocks in which long texts are scanned.
		for pad := longRun - 1; pad <= longRun+33; pad++ {
			requireSameString(t, []byte(`"`+strings.Repeat("x", pad)+content+strings.Repeat("y", 40)+`"`))
		}
		for cut := range len(content) + 1 { // truncated at every byte
			requireSameString(t, []byte(`"`+content[:cut]))
		}
	}
}

func TestEveryByteInAString(t *testing.T) {
	for b := range 256 {
		for pad := range 9 {
			requireSameString(t, fmt.Appendf(nil, `"%s%c"`, strings.Repeat("p", pad), b)) // as a rune
			requireSameString(t, append([]byte(`"`+strings.Repeat("p", pad)), byte(b), 'z', '"'))
			requireSameString(t, append([]byte(`"\n`+strings.Repeat("p", pad)), '\\', byte(b), '"'))
		}
	}
}

func TestEveryUnicodeEscape(t *testing.T) {
	var text strings.Builder
	for u := range 1 << 16 {
		fmt.Fprintf(&text, `\u%04x-\u%04X`, u, u)
	}
	requireSameString(t, []byte(`"`+text.String()+`"`))
}

// Random concatenations put escapes, invalid UTF-8 and plain text next to each other at every
// alignment.
func TestStringProperty(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	runs := append([]string{"plain text of some length, longer than one window", "12345678"}, oddStrings...)
	for range 20_000 {
		text := []byte{'"'}
		for range rng.Intn(6) {
			text = append(text, runs[rng.Intn(len(runs))]...)
		}
		requireSameString(t, append(text, '"'))
	}
}

func TestSkipProperty(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	tokens := []string{"{", "}", "[", "]", ",", ":", `"a"`, `"\n"`, `"\x"`, "1", "-0.5e3", "01", " ", "null", "true", "false", `"`, "\xff", "{}", "[]", `{"a":1}`, "\n"}
	for range 200_000 {
		var text []byte
		for range 1 + rng.Intn(9) {
			text = append(text, tokens[rng.Intn(len(tokens))]...)
		}
		c := NewCursor(text, 0)
		c.Skip()
		c.End()
		require.Equal(t, json.Valid(text), c.Err() == nil, "%q: %v", text, c.Err())
		requireSameValue(t, text, 4)
	}
}

func TestStringBytesAliasesOnlyWhatNeedsNoDecoding(t *testing.T) {
	text := []byte(`["plain","esc\n","bad` + "\xff" + `"]`)
	c := NewCursor(text, 0)
	c.EnterArray()
	var got [][]byte
	for c.NextElement() {
		got = append(got, c.StringBytes())
	}
	require.NoError(t, c.Err())
	require.Len(t, got, 3)
	for _, b := range got {
		require.Equal(t, len(b), cap(b), "the decoded size must be exact: %q", b)
	}
	clear(text)
	require.Equal(t, "\x00\x00\x00\x00\x00", string(got[0]))
	require.Equal(t, "esc\n", string(got[1]))
	require.Equal(t, "bad\ufffd", string(got[2]))
}

// PlainBytes reads what StringBytes reads, whatever plain says.
func TestPlainBytes(t *testing.T) {
	for _, text := range []string{
		`"QUJD"`, `""`, ` "QQ==" `, `"Q\/Q"`, `"a\"b"`, `"a\u0062"`, "\"a\nb\"", "\"\xff\"", `"é"`, `"open`, `12`, `null`, `["a"]`, `"a" x`, ``,
	} {
		for _, plain := range []bool{true, false} {
			a, b := NewCursor([]byte(text), 8), NewCursor([]byte(text), 8)
			want := a.StringBytes()
			a.End()
			got := b.PlainBytes(func(s []byte) bool {
				for _, x := range s {
					plain = plain && x >= ' ' && x <= '~'
				}
				return plain
			})
			b.End()
			require.Equal(t, string(want), string(got), text)
			require.Equal(t, a.Err(), b.Err(), text)
		}
	}
}
