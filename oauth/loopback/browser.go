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

// Send the browser's output to standard error: another program may read this program's standard
// output.
func init() { browser.Stdout = os.Stderr } //nolint:gochecknoinits // before anybody can open anything

// openBrowser opens a page in the system's browser, without a shell. Some browser commands stay in
// the foreground until the user closes the browser. openBrowser then returns nil when ctx ends, but
// its goroutine waits for the command.
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

// checkPage returns the authorization URL in a form that is safe to print and to open. It escapes
// all characters that are special to a terminal or another program. It returns an error unless the
// scheme is http or https. Package oauth has already checked where http is allowed.
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
