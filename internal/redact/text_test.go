package redact

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                   "plain",
		"":                        "",
		"  a\r\n\tb\u2028c\u00a0": "a   b c",
		"\x1b[31mred\x07":         "\ufffd[31mred\ufffd",
		"a\u202eb\u200bc":         "a\ufffdb\ufffdc",
		"\xff\xfeok":              "\ufffd\ufffdok",
		"größer":                  "größer",
	} {
		require.Equal(t, want, Clean(in, 100), "%q", in)
		require.Equal(t, want, Clean([]byte(in), 100), "%q", in)
	}
}

func TestCleanIsBounded(t *testing.T) {
	require.Equal(t, "aaa", Clean("aaaé", 4))
	require.Equal(t, "aé", Clean("aé", 3))
	require.Empty(t, Clean("a", 0))
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff", 7)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if limit < 0 || limit > 1<<10 {
			return
		}
		got := Clean(text, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\x1b\r\n\u202e") {
			t.Fatalf("%q", got)
		}
		if again := Clean(got, limit); again != got {
			t.Fatalf("%q became %q", got, again)
		}
	})
}

func TestShorten(t *testing.T) {
	require.Equal(t, "abc", Shorten("abc", 3))
	require.Equal(t, "ab…", Shorten("abc", 2))
	require.Equal(t, "é…", Shorten("éé", 3))
	require.Equal(t, "a b…", Line("a\nb\x1b", 3))
	require.Equal(t, "a b\ufffd", Line("a\nb\x1b", 4))
}

func TestRewordedErrorsAreStillFound(t *testing.T) {
	inner := &fs.PathError{Op: "open", Path: "secret", Err: errors.ErrUnsupported}
	err := fmt.Errorf("outer: %w", Reworded(fmt.Errorf("x: %w", inner), "open [hidden]"))
	require.EqualError(t, err, "outer: open [hidden]")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	var found *fs.PathError
	require.ErrorAs(t, err, &found)
	require.NoError(t, errors.Unwrap(errors.Unwrap(err)))
}
