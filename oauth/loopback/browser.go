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

// A browser's chatter must not get into what the program itself prints: its
// standard output may be read by another program.
func init() { browser.Stdout = os.Stderr } //nolint:gochecknoinits // before anybody can open anything

// openBrowser opens a page in the system's browser, without a shell. A browser that stays
// in the foreground is left to the person: neither its window nor the goroutine that
// waits for it ends with the login.
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

// checkPage returns the authorization server's page as it may be printed and opened:
// https, or http where package oauth allows it, which has judged the URL; and without
// characters that a terminal or another program might take for more than a text.
func checkPage(page string) (string, error) {
	u, err := url.Parse(page)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return "", errors.New("the authorization URL is no URL")
	case u.User != nil:
		return "", errors.New("the authorization URL holds a user name")
	case u.Scheme != "https" && u.Scheme != "http":
		return "", fmt.Errorf("the authorization URL of scheme %q is not opened", u.Scheme)
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
