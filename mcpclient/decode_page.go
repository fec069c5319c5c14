package mcpclient

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// pageHead is what every page of a list may have besides its items.
type pageHead struct {
	resultHead
	next    *string
	cache   CacheHint
	damaged []DamagedItem
}

// member reads the value of the member key, if need be by skipping it.
func (h *pageHead) member(r *jsonReader, key []byte) {
	switch {
	case string(key) == "nextCursor":
		h.next = r.cursor()
	case !h.cache.member(r, key):
		h.resultHead.member(r, key)
	}
}

// info is the exported form of it.
func (h *pageHead) info() PageInfo {
	return PageInfo{NextCursor: h.next, Cache: h.cache, Meta: h.meta, ResultType: h.kind, Damaged: h.damaged}
}

// listed reads one item of a page and appends it. An item that is JSON but not
// what it should be is set aside.
func listed[T any](r *jsonReader, h *pageHead, items []T, read func(*jsonReader) T) []T {
	before := *r
	item := read(r)
	err := r.Err()
	if err == nil {
		return append(items, item)
	}
	if !isDamage(err) {
		return items
	}
	*r = before
	h.damaged = append(h.damaged, DamagedItem{Raw: r.raw(), Err: err})
	return items
}

// isDamage tells a value of the wrong shape from broken JSON and exceeded limits.
func isDamage(err error) bool {
	var shape *jsonrpc.ShapeError
	return errors.As(err, &shape) || errors.Is(err, errNoName) || errors.Is(err, errNoURI)
}

// cursor reads a cursor; null, which many servers write on the last page, is nil.
func (r *jsonReader) cursor() *string {
	if r.TryNull() {
		return nil
	}
	s := r.String()
	return &s
}

// member reads the value of the member key if it is a cache hint, and says so.
func (h *CacheHint) member(r *jsonReader, key []byte) bool {
	switch string(key) {
	case "ttlMs":
		h.TTL, h.HasTTL = r.ttl()
	case "cacheScope":
		h.Scope = mcp.CacheScope(r.optString())
	default:
		return false
	}
	return true
}

// maxTTL keeps a TTL within what a Duration and a deadline can express. How
// long to believe a server is the cache's business.
const maxTTL = 365 * 24 * time.Hour

// ttl reads a number of milliseconds, of whatever size, or null.
func (r *jsonReader) ttl() (ttl time.Duration, ok bool) {
	switch r.Kind() {
	case jsonrpc.Null:
		r.TryNull()
		return 0, false
	case jsonrpc.Number:
	default:
		r.Float64() // fails
		return 0, false
	}
	ms, _ := strconv.ParseFloat(string(r.Skip()), 64) // out of range is an infinity, and clamped
	ms = math.Max(0, math.Min(ms, float64(maxTTL/time.Millisecond)))
	return time.Duration(ms * float64(time.Millisecond)), r.Err() == nil
}
