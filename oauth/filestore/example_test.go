package filestore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
)

// Programs pass a store to oauth.Config. This example calls the store directly. A value survives
// the process, and Save replaces it only if the caller passes its current version.
func ExampleNew() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tokens")
	if err != nil {
		log.Panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := filestore.New(dir)
	if err != nil {
		log.Panic(err)
	}
	if _, err := store.Save(ctx, "https://mcp.example.com/mcp", []byte("a token"), ""); err != nil {
		log.Panic(err)
	}

	other, err := filestore.New(dir) // as another process would
	if err != nil {
		log.Panic(err)
	}
	value, _, err := other.Load(ctx, "https://mcp.example.com/mcp")
	fmt.Printf("%s %v\n", value, err)
	_, err = other.Save(ctx, "https://mcp.example.com/mcp", []byte("another"), "")
	fmt.Println("conflict:", errors.Is(err, oauth.ErrConflict))
	// Output:
	// a token <nil>
	// conflict: true
}
