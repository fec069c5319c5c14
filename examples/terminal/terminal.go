// Package terminal is how the examples talk to their user: they print lines, ask for approval, and
// let the user log in.
package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/oauth/loopback"
)

// Lines returns the next line that the user enters. It returns when ctx ends.
type Lines func(ctx context.Context) (string, error)

// Terminal talks to one user. All methods are safe for concurrent use.
type Terminal struct {
	lines chan Lines // has one element, except while a question is open

	mu  sync.Mutex // guards out
	out io.Writer
}

// New returns a Terminal that prints to out. Nil lines mean that the user cannot answer.
func New(lines Lines, out io.Writer) *Terminal {
	if lines == nil {
		lines = func(context.Context) (string, error) { return "", errors.New("stdin is not a terminal") }
	}
	t := &Terminal{lines: make(chan Lines, 1), out: out}
	t.lines <- lines
	return t
}

// Standard returns the terminal of the process. The user cannot answer if stdin is a file or a pipe,
// since what it holds was not written to approve anything.
func Standard() *Terminal {
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return New(nil, os.Stdout)
	}
	return New(loopback.Lines(os.Stdin), os.Stdout)
}

// Printf prints a line. It replaces control characters and indents the lines after the first, so
// that what servers and models wrote can neither control the terminal nor pose as the program.
func (t *Terminal) Printf(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, fmt.Sprintf(format, args...))
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.out, strings.ReplaceAll(text, "\n", "\n    "))
}

// Confirm asks the user a question, and returns nil if the answer is yes. Questions that are asked
// at the same time wait for each other.
func (t *Terminal) Confirm(ctx context.Context, question string) error {
	var lines Lines
	select {
	case lines = <-t.lines:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { t.lines <- lines }()
	t.Printf("%s Enter y for yes:", question)
	line, err := lines(ctx)
	if err != nil {
		return fmt.Errorf("no answer from the user: %w", err)
	}
	if strings.TrimSpace(line) != "y" {
		return errors.New("the user said no")
	}
	return nil
}

// Authorize lets the user log in to a server with a browser. It is for [group.Options].Auth. The
// tokens are kept in the user's configuration directory, so a server asks once.
func (t *Terminal) Authorize(_ context.Context, s *mcpconfig.Server) (mcpclient.Authorizer, func() error, error) {
	store, err := filestore.New("")
	if err != nil {
		return nil, nil, err
	}
	login := new(loopback.Login)
	cfg := &oauth.Config{Store: store, Login: login}
	if o := s.OAuth; o != nil {
		cfg.Scopes, cfg.Issuer = o.Scopes, o.Issuer
		cfg.Registration = oauth.Registration{ClientID: o.ClientID, ClientSecret: o.ClientSecret}
		if login.Callback = o.RedirectURI; o.RedirectURI == "" {
			login.Port = o.CallbackPort
		}
	}
	auth, err := oauth.NewClient(s.URL, cfg)
	if err != nil {
		return nil, nil, err
	}
	return auth, auth.Close, nil
}
