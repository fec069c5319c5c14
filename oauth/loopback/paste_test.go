package loopback

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
)

// The user's browser runs on another machine and cannot open the callback on this machine, so the
// user enters its address.
func TestEnteredAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entered := make(chan string)
		g, _ := startInMemory(t.Context(), t, &Login{Paste: func(ctx context.Context) (string, error) {
			select {
			case text := <-entered:
				return text, nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}}, &script{})
		for _, wrong := range []string{
			"https://auth.example.com/authorize?state=STATE", "http://127.0.0.1:7777/?state=STATE", "http://127.0.0.1:7777/callback",
			"http://127.0.0.1:7778/callback?state=STATE", "https://127.0.0.1:7777/callback?state=STATE", "STATE", "http://[", "\x1b[31m",
		} {
			before := len(g.printed.String())
			entered <- wrong
			synctest.Wait()
			require.Contains(t, g.printed.String()[before:], "This is not the address. It begins with http://127.0.0.1:7777/callback?", wrong)
			require.NotContains(t, g.printed.String()[before:], wrong+" ")
		}
		require.Empty(t, g.flow.completed())
		entered <- ""
		entered <- "http://127.0.0.1:7777/callback?state=other"
		synctest.Wait()
		require.Contains(t, g.printed.String(), "This address belongs to another login.")

		began := time.Now()
		entered <- "  127.0.0.1:7777/callback?code=SECRET&state=STATE \r\n"
		require.NoError(t, <-g.result)
		require.Equal(t, began, time.Now(), "the login does not wait for a browser")
		require.Equal(t, g.redirect+"?code=SECRET&state=STATE", g.flow.completed()[1])
		require.NotContains(t, g.printed.String(), "SECRET")
	})
}

func TestEnteredAddressOfADeclinedLogin(t *testing.T) {
	g, _ := startInMemory(t.Context(), t, &Login{
		Paste: Lines(strings.NewReader("http://127.0.0.1:7777/callback?error=access_denied&state=STATE\n")),
	}, &script{exchange: func(context.Context) error { return oauth.ErrDeclined }})
	require.ErrorIs(t, <-g.result, oauth.ErrDeclined)
}

// The end of the input does not end the login.
func TestEndOfInput(t *testing.T) {
	for _, end := range []error{io.EOF, errors.New("no terminal")} {
		synctest.Test(t, func(t *testing.T) {
			g, _ := startInMemory(t.Context(), t, &Login{Paste: func(context.Context) (string, error) { return "", end }}, &script{})
			synctest.Wait()
			require.Equal(t, end != io.EOF, strings.Contains(g.printed.String(), "Cannot read any more input: no terminal."))
			g.goesOn()
		})
	}
}

// If a line arrives after the login that was waiting for it has ended, the next login gets the
// line.
func TestLineOfTheNextLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		next := Lines(r)
		ctx, cancel := context.WithCancelCause(t.Context())
		over := errors.New("over")
		go func() {
			synctest.Wait()
			cancel(over)
		}()
		_, err := next(ctx)
		require.ErrorIs(t, err, over)

		go func() {
			_, _ = io.WriteString(w, "one\ntwo")
			w.Close()
		}()
		for _, want := range []string{"one\n", "two"} {
			text, err := next(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, text)
		}
		_, err = next(t.Context())
		require.ErrorIs(t, err, io.EOF)
	})
}

func TestEndlessLine(t *testing.T) {
	next := Lines(io.LimitReader(zeros{}, 3*maxLine))
	for range 3 {
		text, err := next(t.Context())
		require.NoError(t, err)
		require.Len(t, text, maxLine)
	}
	_, err := next(t.Context())
	require.ErrorIs(t, err, io.EOF)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
