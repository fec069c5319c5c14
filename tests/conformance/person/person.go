// Package person is a person with a browser, for a conformance suite whose
// authorization servers ask nothing and send the browser straight back.
package person

import (
	"context"
	"fmt"
	"net/http"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// callback is where the authorization server sends the browser. Nobody listens
// there: what it is sent with is read from the redirect.
const callback = "http://localhost:3000/callback"

// Login authorizes whatever is asked for. It browses from this machine, whatever
// network the session uses.
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

// visit opens a page and returns where it redirects to.
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
		return "", fmt.Errorf("the authorization server shows a page with status %d", resp.StatusCode)
	}
	return target, nil
}
