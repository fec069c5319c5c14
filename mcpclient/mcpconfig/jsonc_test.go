package mcpconfig

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBlank(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": 1}`:                       `{"a": 1}`,
		"{// x\n}":                       "{    \n}",
		"{// x\r\n}":                     "{    \r\n}",
		"/* a\n b */{}":                  "    \n     {}",
		"/**/{}":                         "    {}",
		"/*/ */{}":                       "      {}",
		`{"a": "// /* x */ ,}"}`:         `{"a": "// /* x */ ,}"}`,
		`{"a": "\"// x", "b": "\\"}//c`:  `{"a": "\"// x", "b": "\\"}   `,
		`[1, 2, ]`:                       `[1, 2  ]`,
		"{\"a\": [1,], // x\n /* y */ }": "{\"a\": [1 ]      \n         }",
		`[,]`:                            `[,]`,
		`[1,,]`:                          `[1,,]`,
		`{"a":,}`:                        `{"a":,}`,
		`[1/**/,/**/]`:                   `[1         ]`,
		"\xef\xbb\xbf{}":                 "   {}",
		"// é":                           "     ",
		`"unclosed // x`:                 `"unclosed // x`,
		`"unclosed \`:                    `"unclosed \`,
		"":                               "",
		"/":                              "/",
	} {
		plain, _, err := blank([]byte(text))
		require.NoError(t, err)
		require.Equal(t, want, string(plain))
	}
	_, at, err := blank([]byte("{} /* x *"))
	require.ErrorIs(t, err, errUnclosedComment)
	require.Equal(t, 3, at)
}

// FuzzJSONC checks that blank keeps offsets and lines, that it changes nothing of its own result,
// and that it changes nothing of JSON.
func FuzzJSONC(f *testing.F) {
	for _, text := range []string{
		`{"a": 1}`, "{// x\n\"a\": [1, 2, /* y\n */], \"b\": \"// \\\" /*\",}", "\xef\xbb\xbf[1,,]", `{"a":,}`, "/*/", `"\`, "[1 /**/ , // x\r\n ]",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		given := bytes.Clone(text)
		plain, at, err := blank(text)
		require.Equal(t, given, text, "the argument was changed")
		if err != nil {
			require.True(t, bytes.HasPrefix(text[at:], []byte("/*")))
			return
		}
		require.Len(t, plain, len(text))
		for i, c := range plain {
			if c != text[i] {
				require.Equal(t, byte(' '), c)
				require.NotContains(t, "\r\n", string(text[i]))
			}
		}
		again, _, err := blank(plain)
		require.NoError(t, err)
		require.Equal(t, plain, again)
		if json.Valid(text) {
			require.Equal(t, text, plain)
		}
	})
}
