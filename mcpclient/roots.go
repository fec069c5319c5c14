package mcpclient

import (
	"context"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/fileroot"
	"github.com/hawser-mcp/hawser/internal/verdict"
)

// FileRoot returns the root of a file or directory on this machine: its file URI (RFC 8089), named
// after the last element of the path. A relative path is made absolute; symbolic links are kept.
//
// It fails if nothing exists at the path, and wraps the reason. It also fails for Windows shares
// and for paths with control characters.
func FileRoot(path string) (mcp.Root, error) { return fileroot.New(path) }

// RootsChanged tells the server that [Handlers].Roots would now return something else. Modern
// servers ask whenever they need the roots, so nothing is sent to them.
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
