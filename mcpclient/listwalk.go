package mcpclient

import (
	"crypto/sha256"
	"errors"
)

// listWalk is the state of reading a list page by page.
type listWalk[T any] struct {
	list   *list[T]
	cursor *string                        // cursor of the next page; nil for the first page
	seen   map[[sha256.Size]byte]struct{} // digests of the cursors so far: a cursor may be long
	keys   map[string]struct{}            // keys of the items so far; nil before the second page
	known  bool                           // items may be repeated: leave out the repetitions
}

// take records the items of a page and removes repeated items if w.known is set or the page was
// requested with the cursor "". It reports whether the page is the last.
func (w *listWalk[T]) take(page *Page[T]) (last bool) {
	empty := w.cursor != nil && *w.cursor == ""
	if page.NextCursor == nil && !empty && !w.known {
		return true
	}
	if w.keys == nil {
		w.keys = make(map[string]struct{}, len(page.Items))
	}
	all, came := page.Items, len(page.Items)
	page.Items = all[:0]
	for i := range all {
		key := w.list.key(&all[i])
		if _, before := w.keys[key]; before && (empty || w.known) {
			continue
		}
		w.keys[key] = struct{}{}
		page.Items = append(page.Items, all[i])
	}
	clear(all[len(page.Items):])
	return page.NextCursor == nil || empty && (*page.NextCursor == "" || came > 0 && len(page.Items) == 0)
}

// next moves on to the page after page. It returns false if the server has sent this cursor before.
func (w *listWalk[T]) next(page *Page[T]) bool {
	w.cursor = page.NextCursor
	sum := sha256.Sum256([]byte(*w.cursor))
	if _, again := w.seen[sum]; again {
		return false
	}
	if w.seen == nil {
		w.seen = make(map[[sha256.Size]byte]struct{})
	}
	w.seen[sum] = struct{}{}
	return true
}

// refusesCursor reports whether err may mean that the server refused the cursor.
func refusesCursor(err error) bool {
	var rpc *RPCError
	return errors.As(err, &rpc) && rpc.Code == CodeInvalidParams
}
