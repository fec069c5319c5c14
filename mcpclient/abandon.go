package mcpclient

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/streamablehttp"
)

// abandonTime bounds the deletion of unused sessions once the context of the handshake has ended.
// It is enough for a new TLS connection and the DELETE at a round-trip time of 60 ms.
const abandonTime = 250 * time.Millisecond

// maxBegun bounds how many sessions of one handshake are remembered. The oldest are forgotten.
const maxBegun = 16

// begun records the sessions that a legacy server began during one handshake. Each try of
// initialize may begin one, even if its reply is lost after the header.
type begun struct {
	version string // proposed at first, then agreed
	ids     []string
	last    string // session ID from the last try, "" if there was none
}

// add notes the session ID in the header of a reply to initialize.
func (b *begun) add(id string) {
	b.last = id
	if err := streamablehttp.CheckSessionID(id); id == "" || (err != nil && !isLimit(err)) {
		return // there is no session, or its ID cannot be sent back
	}
	if slices.Contains(b.ids, id) {
		return
	}
	if len(b.ids) == maxBegun {
		b.ids = slices.Delete(b.ids, 0, 1)
	}
	b.ids = append(b.ids, id)
}

func isLimit(err error) bool {
	var limit *LimitError
	return errors.As(err, &limit)
}

// abandon deletes the unused sessions of a handshake, all at once, and waits until that is done.
// keep is the session in use, nil if there is none. Once ctx has ended, the deletion has at most
// [abandonTime].
func (s *Session) abandon(ctx context.Context, b *begun, keep *sessionState) {
	unused := slices.DeleteFunc(b.ids, func(id string) bool { return keep != nil && id == keep.http.ID() })
	if len(unused) == 0 {
		return
	}
	deletion, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	bound := time.AfterFunc(deleteTimeout, cancel)
	defer bound.Stop()
	stop := context.AfterFunc(ctx, func() { bound.Reset(abandonTime) })
	defer stop()
	var wg sync.WaitGroup
	for _, id := range unused {
		state := &sessionState{era: EraLegacy, http: s.conn.NewSession(wireVersion(b.version), id, false)}
		wg.Go(func() { s.deleteSession(deletion, state) })
	}
	wg.Wait()
}
