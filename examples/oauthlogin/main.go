// Command oauthlogin connects to an MCP server that requires authorization. The first time, the
// user logs in with a browser. The program stores the tokens and renews them on later runs.
//
//	go run ./examples/oauthlogin https://mcp.example.com/mcp
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/oauth/loopback"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: oauthlogin URL")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	store, err := filestore.New("") // in the user's configuration directory
	if err == nil {
		err = run(ctx, os.Stdout, os.Args[1], &oauth.Config{Store: store, Login: &loopback.Login{}}, nil)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "oauthlogin:", err)
		os.Exit(1)
	}
}

// run connects and lists the tools. If the server requires a token and the store has no usable one,
// the user must log in. A nil network means this machine's network.
func run(ctx context.Context, out io.Writer, url string, cfg *oauth.Config, network http.RoundTripper) (err error) {
	auth, err := oauth.NewClient(url, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, auth.Close()) }()

	s, err := mcpclient.Connect(ctx, url, &mcpclient.Options{Auth: auth, Transport: network})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()

	status, err := auth.Status(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Connected to %s; authorized: %v, by %s, scopes %v.\n", s.ServerInfo().Name, status.Authorized, status.Issuer, status.Scopes)
	for tool, err := range s.Tools(ctx) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  %s: %s\n", tool.Name, tool.Description)
	}
	return nil
}
