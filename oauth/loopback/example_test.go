package loopback_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"

	"github.com/hawser-mcp/hawser/oauth/loopback"
	"github.com/hawser-mcp/hawser/transport"
)

// A login with a browser. In this example, Open acts as the browser: it follows the authorization
// server's redirect to the loopback address. Real programs set oauth.Config.Login and leave Open
// nil.
func ExampleLogin() {
	network := transport.NewDirect(nil)
	defer network.Close()
	browser := &http.Client{Transport: network}
	login := &loopback.Login{
		Out: io.Discard,
		Open: func(ctx context.Context, page string) error {
			u, err := url.Parse(page)
			if err != nil {
				return err
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.Query().Get("redirect_uri")+"?code=42", http.NoBody)
			if err != nil {
				return err
			}
			resp, err := browser.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, err = io.Copy(io.Discard, resp.Body)
			return err
		},
	}
	if err := login.Login(context.Background(), flow{}); err != nil {
		log.Panic(err)
	}
	// Output: the code is 42
}

// flow is an oauth.Flow, which an oauth.Client provides in a real program.
type flow struct{}

func (flow) Resource() string    { return "https://mcp.example.com/mcp" }
func (flow) RedirectURI() string { return "" }

func (flow) AuthorizationURL(_ context.Context, redirectURI string) (string, error) {
	return "https://auth.example.com/authorize?redirect_uri=" + url.QueryEscape(redirectURI), nil
}

func (flow) Complete(_ context.Context, callback string) error {
	u, err := url.Parse(callback)
	if err == nil {
		fmt.Println("the code is", u.Query().Get("code"))
	}
	return err
}
