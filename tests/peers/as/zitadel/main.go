// Command zitadel is the example provider of zitadel/oidc, an authorization server that nobody of
// this project wrote, on loopback. It takes the port from the environment variable PORT, and the
// redirect URI of its client "native" from REDIRECT_URI. Any port of that URI is accepted.
//
// It has no dynamic registration and no resource indicators. Its user is test-user@127.0.0.1 with the
// password "verysecure". It logs each request, and prints "ready" when it accepts connections.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	if err := run(os.Getenv("PORT"), os.Getenv("REDIRECT_URI")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(port, redirectURI string) error {
	issuer := "http://127.0.0.1:" + port + "/"
	storage.RegisterClients(storage.NativeClient("native", redirectURI))
	store := storage.NewStorage(storage.NewUserStore(issuer))
	logger := slog.New(slog.NewTextHandler(os.Stdout, nil))
	server := &http.Server{Handler: exampleop.SetupServer(issuer, store, logger, false), ReadHeaderTimeout: time.Minute}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return server.Serve(listener)
}
