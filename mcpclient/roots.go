package mcpclient

import (
	"context"
	"errors"
)

// RootsChanged tells the server that [Handlers].Roots would answer otherwise
// now. A modern server, which asks each time it needs to know, is not told.
func (s *Session) RootsChanged(ctx context.Context) error {
	switch {
	case s.opts.Handlers.Roots == nil:
		return invalid(methodRootsChanged, errors.New("there is no handler for roots"))
	case s.now.Load().modern():
		return nil
	}
	return s.do(&call{
		ctx: ctx, method: methodRootsChanged, notify: true, repeatable: true, tryBound: true, callOptions: s.newCallOptions(nil),
	})
}
