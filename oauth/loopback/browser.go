package loopback

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/cli/browser"
)

// The browser must not write to this program's standard output, which another program may read.
func init() { browser.Stdout = os.Stderr } //nolint:gochecknoinits // before anybody can open anything

// openBrowser opens a page in the system's browser, without a shell. If the browser command stays
// in the foreground, the browser window stays open after the login, and so does the goroutine that
// waits for the command.
func openBrowser(ctx context.Context, page string) error {
	opened := make(chan error, 1)
	go func() { opened <- browser.OpenURL(page) }()
	select {
	case err := <-opened:
		return err
	case <-ctx.Done():
		return nil
	}
}

// checkPage returns the authorization server's URL in a form that is safe to print and open. It
// must be https, or http, which package oauth has checked. The result has no characters that are
// special to a terminal or to another program.
func checkPage(page string) (string, error) {
	u, err := url.Parse(page)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("invalid authorization URL")
	case u.User != nil:
		return "", errors.New("the authorization URL must not hold a user name or password")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("the authorization URL must be http or https, got scheme %q", u.Scheme)
	}
	var plain strings.Builder
	for _, b := range []byte(u.String()) {
		if b <= ' ' || b > '~' || strings.IndexByte("\"<>\\^`{|}", b) >= 0 {
			fmt.Fprintf(&plain, "%%%02X", b)
		} else {
			plain.WriteByte(b)
		}
	}
	return plain.String(), nil
}
