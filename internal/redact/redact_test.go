package redact

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMask(t *testing.T) {
	const token = "abc/def+ghi=="
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"no such tool", "no such tool"},
		"plain":               {"bad token " + token + " given", "bad token [redacted] given"},
		"twice":               {token + " " + token, "[redacted] [redacted]"},
		"adjacent":            {token + token, "[redacted]"},
		"JSON, slash":         {`{"t":"abc\/def+ghi=="}`, `{"t":"[redacted]"}`},
		"JSON, hex":           {`{"t":"abc/def\u002Bghi\u003d="}`, `{"t":"[redacted]"}`},
		"URL":                 {"/mcp?t=abc%2Fdef%2bghi%3D%3D&x=1", "/mcp?t=[redacted]&x=1"},
		"HTML":                {"<b>abc/def&#43;ghi&#x3D;=</b>", "<b>[redacted]</b>"},
		"cut":                 {"bad token abc/def+gh", "bad token [redacted]"},
		"cut early":           {"bad token abc/def", "bad token abc/def"},
		"inside a longer one": {"key-12345678-end", "[redacted]"},
		"short":               {"abc", "abc"},
		"bad escapes":         {`\u00zz %zz &#zz; \`, `\u00zz %zz &#zz; \`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, Mask(c.text, []string{token, "12345678", "key-12345678-end", "abc", ""}))
		})
	}
}

func TestMaskOverlapping(t *testing.T) {
	require.Equal(t, "<[redacted]>", Mask("<abcdefghijkl>", []string{"abcdefgh", "efghijkl"}))
}

// A server chooses both the session id and the text. If the time of Mask grew with the product of
// their lengths, this test would time out.
func TestMaskIsLinear(t *testing.T) {
	secret := strings.Repeat("a", 8<<10)
	text := strings.Repeat(secret[1:]+"b", 1<<10)
	require.Equal(t, text, Mask(text, []string{secret}))
}

func FuzzMask(f *testing.F) {
	f.Add(`a \u0041 %41 &#65; \`, "secret-1")
	f.Fuzz(func(t *testing.T, text, secret string) {
		out := Mask(text+secret+text, []string{secret})
		if len(secret) >= minSecret && !strings.Contains(text+Text, secret) {
			require.NotContains(t, strings.ReplaceAll(out, Text, ""), secret+secret)
			require.Contains(t, out, Text)
		}
	})
}

func TestDescribe(t *testing.T) {
	type inner struct {
		N    int
		Name string
	}
	v := struct {
		Token, Issuer, Place string
		Header               http.Header
		On                   bool
		Wait                 time.Duration
		Key                  []byte
		List, Open           []string
		Inner, Shown         inner
		F                    func()
		P                    *int
		Zero                 int
		hidden               string
	}{
		Token: "s3cret", Issuer: "name", Place: "https://u:s3cret@h/p?q=s3cret#s3cret",
		Header: http.Header{"B": {"s3cret"}, "A": nil}, On: true, Wait: time.Second, Key: []byte("s3cret"),
		List: []string{"s3cret"}, Open: []string{"x", "y"}, Inner: inner{1, "s3cret"}, Shown: inner{2, "n"},
		F: func() {}, P: new(int), hidden: "s3cret",
	}
	require.Equal(t, "T{Token:[redacted] Issuer:name Place:https://h/p Header:[A B] On:true Wait:1s Key:len 6 "+
		"List:len 1 Open:[x y] Inner:{N:1 Name:[redacted]} Shown:{N:2 Name:n} F:set P:set}",
		Describe("T", v, "Issuer", "Place", "Open", "Shown"))
}

func TestPrinted(t *testing.T) {
	for want, v := range map[string]any{
		"text":  struct{ Printed }{NewPrinted("text")},
		"text2": &struct{ Printed }{NewPrinted("text2")},
		Text:    Printed{},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			require.Equal(t, want, fmt.Sprintf(verb, v))
		}
		data, err := json.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, `"`+want+`"`, string(data))
	}
}
