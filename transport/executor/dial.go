package executor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/hawser-mcp/hawser/internal/link"
	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// Dial returns a Transport over the executor at rawURL, "ws://host:port" or "wss://host:port". It
// opens the first link, so that a wrong address or token fails at once. ctx bounds only this call.
// opts may be nil.
//
// A ws link is not encrypted, so the token is sent in clear text: use it only on loopback or in a
// trusted network.
func Dial(ctx context.Context, rawURL string, opts *Options) (transport.Transport, error) {
	if err := checkURL(rawURL); err != nil {
		return nil, &transport.Error{Stage: transport.NotSent, Permanent: true, Op: "executor", Err: err}
	}
	t, err := newExecutor(opts)
	if err != nil {
		return nil, err
	}
	dialer := &link.Dialer{NetDial: t.opts.DialContext, TLS: t.opts.TLS, MaxMessage: t.opts.MaxMessage}
	return t.start(ctx, func(ctx context.Context) (Link, error) {
		header := make(http.Header)
		token, err := t.opts.token(ctx)
		if err != nil {
			return nil, fmt.Errorf("token for the executor: %w", err)
		}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		l, err := dialer.Dial(ctx, rawURL, header)
		var refused *link.RefusedError
		if errors.As(err, &refused) {
			text := redact.Mask(refused.Text, []string{token})
			return nil, &RefusedError{Status: refused.Status, Text: transport.Scrub(text)}
		}
		if err != nil {
			return nil, err
		}
		return l, nil
	})
}

func (o *Options) token(ctx context.Context) (string, error) {
	if o.TokenFunc != nil {
		return o.TokenFunc(ctx)
	}
	return o.Token, nil
}

func checkURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return errors.New("invalid URL") // err would quote it
	case u.Scheme != "ws" && u.Scheme != "wss":
		return errors.New("the URL must begin with ws:// or wss://")
	case u.Host == "":
		return errors.New("the URL must have a host")
	case u.User != nil:
		return errors.New("the URL must not hold a user name or password: use Options.Token")
	}
	return nil
}
