package mcpclient

import (
	"context"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/fileroot"
	"github.com/hawser-mcp/hawser/internal/verdict"
)

// FileRoot returns the root for a file or directory on this machine: its file URI (RFC 8089), named
// after the last element of the path. A relative path is made absolute; symbolic links are kept.
//
// It returns an error that wraps the reason if nothing exists at the path. It also fails for
// Windows shares and for paths with control characters.
func FileRoot(path string) (mcp.Root, error) { return fileroot.New(path) }

// RootsChanged notifies the server that the result of [Handlers].Roots has changed. Modern servers
// request the roots whenever they need them, so RootsChanged sends them nothing.
func (s *Session) RootsChanged(ctx context.Context) error {
	switch {
	case s.opts.Handlers.Roots == nil:
		return invalid(methodRootsChanged, errors.New("Handlers.Roots is not set"))
	case s.now.Load().modern():
		return nil
	}
	p := &posting{delivery: s.newDelivery(ctx, message{method: methodRootsChanged})}
	return s.repeat(&p.delivery, p, verdict.Situation{}, s.opts.Retry)
}
