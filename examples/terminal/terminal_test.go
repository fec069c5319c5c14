package terminal_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/examples/terminal"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPrintedTextControlsNothing(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                     "plain\n",
		"two\nlines":                "two\n    lines\n",
		"\x1b[2J\x07\b":             "\uFFFD[2J\uFFFD\uFFFD\n",
		"over\rwritten":             "over\uFFFDwritten\n",
		"from \u202eright to left":  "from \uFFFDright to left\n",
		"invalid \xff, \u2028, 茶 🍵": "invalid \uFFFD, \uFFFD, 茶 🍵\n",
	} {
		var out strings.Builder
		terminal.New(nil, &out).Printf("%s", text)
		require.Equal(t, want, out.String())
	}
}

func TestOnlyYesConfirms(t *testing.T) {
	for line, yes := range map[string]bool{"y": true, " y \r": true, "": false, "n": false, "yes, but": false, "Y?": false} {
		var out strings.Builder
		user := terminal.New(func(context.Context) (string, error) { return line, nil }, &out)
		if err := user.Confirm(t.Context(), "Really?"); yes {
			require.NoError(t, err, line)
		} else {
			require.EqualError(t, err, "the user said no", line)
		}
		require.Equal(t, "Really? Enter y for yes:\n", out.String())
	}
	require.EqualError(t, terminal.New(nil, io.Discard).Confirm(t.Context(), "Really?"), "no answer from the user: stdin is not a terminal")
}

// Questions that are asked together are shown one after the other, so an answer has one question.
func TestQuestionsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		open := 0
		user := terminal.New(func(context.Context) (string, error) {
			mu.Lock()
			open++
			require.Equal(t, 1, open)
			mu.Unlock()
			time.Sleep(time.Minute)
			mu.Lock()
			open--
			mu.Unlock()
			return "y", nil
		}, io.Discard)
		began := time.Now()
		var asking sync.WaitGroup
		for range 3 {
			asking.Go(func() { require.NoError(t, user.Confirm(t.Context(), "Really?")) })
		}
		synctest.Wait()

		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("no time"))
		defer cancel()
		require.EqualError(t, user.Confirm(ctx, "Really?"), "no time", "a question that waits ends with its context")
		require.Equal(t, time.Second, time.Since(began))
		asking.Wait()
		require.Equal(t, 3*time.Minute, time.Since(began))
	})
}

func TestAuthorizeUsesTheConfiguration(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	user := terminal.New(nil, io.Discard)
	for _, o := range []*mcpconfig.OAuth{
		nil, {}, {ClientID: "id", ClientSecret: "secret", CallbackPort: 8123, Scopes: []string{"read"}},
		{RedirectURI: "http://localhost:8123/callback", CallbackPort: 8123, Issuer: "https://as.example.com"},
	} {
		auth, release, err := user.Authorize(t.Context(), &mcpconfig.Server{URL: "https://mcp.example.com/mcp", OAuth: o})
		require.NoError(t, err, o)
		require.NotNil(t, auth)
		require.NoError(t, release())
	}
	auth, release, err := user.Authorize(t.Context(), &mcpconfig.Server{URL: "ftp://mcp.example.com"})
	require.Error(t, err)
	require.Nil(t, auth)
	require.Nil(t, release)
}

// Under go test, stdin is not a terminal.
func TestStandardStreamsThatAreNoTerminalConfirmNothing(t *testing.T) {
	err := terminal.Standard().Confirm(t.Context(), "Really?")
	require.ErrorContains(t, err, "no answer from the user")
}
