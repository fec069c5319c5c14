package mcpclient

import (
	"context"
	"crypto/sha256"
	"iter"
	"net/http"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/internal/wire"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// listParams encodes the parameters of a list request. Nil asks for the first
// page; the empty string is a cursor like any other (2026-07-28, "Pagination").
func listParams(cursor *string) []byte {
	if cursor == nil {
		return nil
	}
	return append(jsonrpc.AppendString([]byte(`{"cursor":`), *cursor), '}')
}

// listCall is the call of one page.
func (s *Session) listCall(ctx context.Context, method string, cursor *string, result wire.Decoder, opts []CallOption) *call {
	return &call{
		ctx: ctx, method: method, params: listParams(cursor), result: result,
		repeatable: true, tryBound: true, callOptions: s.newCallOptions(opts),
	}
}

// walk yields the items of all pages of a list. It ends with an error when a
// page fails, when the server gives a cursor again (the walk would never end),
// and at the limits of pages and items. Each walk starts at the first page.
func walk[T any](s *Session, method string, page func(cursor *string) ([]T, *string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var (
			zero   T
			cursor *string
			seen   = make(map[[sha256.Size]byte]struct{})
			items  int
		)
		stop := func(err error, kind Kind) {
			yield(zero, &Error{Kind: kind, Method: method, Stage: stageOf(err), Outcome: Answered, Tries: 1, Err: err, harmless: true})
		}
		for pages := 1; ; pages++ {
			list, next, err := page(cursor)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range list {
				if items++; items > s.opts.Limits.Items {
					stop(&streamablehttp.LimitError{What: "list items", Limit: int64(s.opts.Limits.Items)}, KindLimit)
					return
				}
				if !yield(item, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			if pages >= s.opts.Limits.Pages {
				stop(&streamablehttp.LimitError{What: "list pages", Limit: int64(s.opts.Limits.Pages)}, KindLimit)
				return
			}
			sum := sha256.Sum256([]byte(*next)) // a cursor may be long: remember its digest only
			if _, again := seen[sum]; again {
				stop(&streamablehttp.ProtocolError{Reason: method + " gives a cursor it gave before", Status: http.StatusOK}, KindProtocol)
				return
			}
			seen[sum] = struct{}{}
			cursor = next
		}
	}
}

// reportDamaged logs the items of a page that could not be read.
func (s *Session) reportDamaged(method string, items []DamagedItem) {
	for _, item := range items {
		s.log.Warn("item of a list left out: it cannot be read", "method", method, "error", item.Err)
	}
}
