package mcpclient

import (
	"math"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// pageHead is what every page of a list may have besides its items.
type pageHead struct {
	resultHead
	next  *string
	cache CacheHint
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
	return PageInfo{NextCursor: h.next, Cache: h.cache, Meta: h.meta, ResultType: h.kind}
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
