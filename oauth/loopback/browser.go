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

// The output of a browser must not mix with that of the program, whose standard output another
// program may read.
func init() { browser.Stdout = os.Stderr } //nolint:gochecknoinits // before anybody can open anything

// openBrowser opens a page in the system's browser, without a shell. If the browser stays in the
// foreground, neither its window nor the goroutine that waits for it ends with the login.
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

// checkPage returns the authorization server's page in a form that is safe to print and open:
// https, or http where package oauth allows it, which has checked the URL; and without characters
// that are special to a terminal or another program.
func checkPage(page string) (string, error) {
	u, err := url.Parse(page)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("invalid authorization URL")
	case u.User != nil:
		return "", errors.New("the authorization URL has userinfo")
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
