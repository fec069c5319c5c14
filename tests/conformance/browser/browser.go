// Package browser plays a user with a browser. The authorization servers of the conformance suite
// show no login page and redirect the browser immediately.
package browser

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// callback is the redirect URL. No server listens there: Login reads the parameters from the
// redirect.
const callback = "http://localhost:3000/callback"

// Login completes an authorization without a user. Its HTTP requests leave from this machine, even
// if the session uses another network.
func Login(ctx context.Context, flow oauth.Flow) error {
	page, err := flow.AuthorizationURL(ctx, callback)
	if err != nil {
		return err
	}
	target, err := visit(ctx, page)
	if err != nil {
		return err
	}
	return flow.Complete(ctx, target)
}

// visit opens a URL and returns the URL that it redirects to.
func visit(ctx context.Context, page string) (string, error) {
	browser := transport.NewDirect(nil)
	defer browser.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := browser.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	target := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound || target == "" {
		return "", fmt.Errorf("expected a redirect from the authorization server, got status %d", resp.StatusCode)
	}
	return target, nil
}
