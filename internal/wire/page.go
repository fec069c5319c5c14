package wire

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// List describes how to read a list.
type List[T any] struct {
	Member string                   // member of the result that holds the items
	Item   func(r *Reader, item *T) // reads one item into item, which is zero
}

// Page decodes one page of a list.
type Page[T any] struct {
	Head
	List    *List[T]
	Items   []T
	Next    *string // cursor of the next page, nil on the last page
	Cache   Cache
	Invalid []Invalid
}

// Invalid is an item that is valid JSON but not a valid item.
type Invalid struct {
	Raw json.RawMessage // the item as received
	Err error           // what is wrong with it
}

// Decode implements [Decoder].
func (p *Page[T]) Decode(c *jsonrpc.Cursor) {
	*p = Page[T]{List: p.List}
	r := Reader{Cursor: *c}
	for key := range r.Members() {
		switch {
		case string(key) == p.List.Member:
			p.items(&r)
		case string(key) == "nextCursor":
			p.Next = r.cursor()
		case !p.Cache.member(&r, key):
			p.member(&r, key)
		}
	}
	*c = r.Cursor
}

// items reads the list. Each item is read into its place in p.Items. Invalid items are put aside.
func (p *Page[T]) items(r *Reader) {
	p.Items = nil
	start := 0
	for i := range r.Elements() {
		before := *r
		n := len(p.Items)
		if i == 0 {
			start = r.Pos()
		}
		p.reserve(before.Pos()-start, r.Left())
		p.Items = p.Items[:n+1]
		p.List.Item(r, &p.Items[n])
		err := r.Err()
		if err == nil {
			continue
		}
		clear(p.Items[n:])
		p.Items = p.Items[:n]
		if isInvalid(err) {
			*r = before
			rebase(err, -r.item().start)
			p.Invalid = append(p.Invalid, Invalid{Raw: r.Raw(), Err: err})
		}
	}
	if cap(p.Items) > 2*len(p.Items) { // the first items were much shorter than the others
		p.Items = slices.Clone(p.Items)
	}
}

// maxGuess is how many items reserve expects at most, unless it has seen more.
const maxGuess = 1024

// reserve makes room for one more item. If p.Items is full, it guesses the number of items in the
// left bytes of the text from the average size of those already read. So a list is usually allocated
// twice: for its first item, and for all.
func (p *Page[T]) reserve(read, left int) {
	n := len(p.Items)
	if n < cap(p.Items) {
		return
	}
	more := 1
	if n > 0 {
		more = max(1, left/max(1, read/n))
	}
	if n > 1 { // the first guess was too low: do not let this one be
		more += more / 8
	}
	p.Items = append(make([]T, 0, n+min(more, max(n, maxGuess))), p.Items...)
}

// isInvalid reports whether err means that an item is invalid although its text is valid JSON. It
// returns false for invalid JSON and exceeded limits.
func isInvalid(err error) bool {
	var shape *jsonrpc.ShapeError
	return errors.As(err, &shape) || errors.Is(err, ErrNoName) || errors.Is(err, ErrNoURI)
}

// cursor reads a cursor. It returns nil for null, which many servers send on the last page, and for
// any other value that is not a string or number.
func (r *Reader) cursor() *string {
	if r.Kind() == jsonrpc.Number {
		s := string(r.Skip())
		return &s
	}
	if r.Other(jsonrpc.String) {
		return nil
	}
	s := r.String()
	return &s
}

// Cache is the cache hint of a result (2026-07-28, "Caching").
type Cache struct {
	TTL    time.Duration // zero if the result has none
	HasTTL bool
	Scope  mcp.CacheScope
}

// member reads the value of the member key if it is a cache hint, and reports whether it is.
func (h *Cache) member(r *Reader, key []byte) bool {
	switch string(key) {
	case "ttlMs":
		h.TTL, h.HasTTL = r.ttl()
	case "cacheScope":
		h.Scope = mcp.CacheScope(r.laxString())
	default:
		return false
	}
	return true
}

// MaxTTL limits a TTL to what a Duration and a deadline can express. The cache decides how long to
// trust a server.
const MaxTTL = 365 * 24 * time.Hour

// ttl reads a number of milliseconds of any size. Anything else counts as absent.
func (r *Reader) ttl() (ttl time.Duration, ok bool) {
	if r.Other(jsonrpc.Number) {
		return 0, false
	}
	ms, _ := strconv.ParseFloat(string(r.Skip()), 64) // a number out of range is infinite and is clamped
	ms = math.Max(0, math.Min(ms, float64(MaxTTL/time.Millisecond)))
	return time.Duration(ms * float64(time.Millisecond)), r.Err() == nil
}
