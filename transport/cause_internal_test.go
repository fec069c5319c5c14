package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		"dial tcp 127.0.0.1:1: refused":                "dial tcp 127.0.0.1:1: refused",
		`parse "http://h/p?a=secret": bad`:             `parse "http://h/p": bad`,
		"get https://h/p#secret and http://i?a=secret": "get https://h/p and http://i",
		"via http://u:secret@h:1/p failed":             "via http://[redacted] failed",
		"via http://u:sec/re?t@h failed":               "via http://[redacted] failed",
		"http://h/?a=b@secret":                         "http://[redacted]",
		"://":                                          "://",
		"":                                             "",
	} {
		require.Equal(t, want, scrub(in))
	}
	long := scrub(strings.Repeat("é", maxErrorText))
	require.LessOrEqual(t, len(long), maxErrorText+len("…"))
	require.True(t, utf8.ValidString(long))
}

func FuzzScrub(f *testing.F) {
	f.Add("get http://u:p@h/x?q#f twice http://h?q")
	f.Fuzz(func(t *testing.T, s string) {
		out := scrub(s)
		if len(out) > maxErrorText+len("…") {
			t.Fatalf("%d bytes", len(out))
		}
		if len(out) > maxErrorText {
			return // if the text is truncated, cleaning it again may change it
		}
		for i, part := range strings.Split(out, "://") {
			u := part
			if end := strings.IndexAny(u, " \t\r\n\"'<>"); end >= 0 {
				u = u[:end]
			}
			if i > 0 && strings.ContainsAny(u, "@?#") {
				t.Fatalf("%q left in %q", u, out)
			}
		}
	})
}

func TestCleanKeepsTheChainUnlessItHoldsASecret(t *testing.T) {
	cause := errors.New("refused")
	require.ErrorIs(t, clean(fmt.Errorf("dial: %w", cause)), cause)
	require.NotErrorIs(t, clean(fmt.Errorf("http://h?secret: %w", cause)), cause)
	require.Equal(t, io.ErrUnexpectedEOF, clean(fmt.Errorf("broken: %w", io.EOF)))
	escaped := clean(fmt.Errorf("\x1b[2J: %w", cause))
	require.ErrorIs(t, escaped, cause)
	require.EqualError(t, escaped, "\ufffd[2J: refused")
	require.Equal(t, "a b", Scrub("a\nb\r\n"))
}

func TestContextCauseWrapsCauseAndErr(t *testing.T) {
	cause := errors.New("the user pressed escape")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(cause)
	err := contextCause(ctx)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, cause.Error(), err.Error())

	plain, stop := context.WithCancel(context.Background())
	stop()
	require.Equal(t, context.Canceled, contextCause(plain))
}

func TestBadProxySettingIsPermanent(t *testing.T) {
	require.True(t, permanent(fmt.Errorf("connect: %w", errBadProxy)))
}
