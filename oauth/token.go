package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// token is an access token and what this process knows about it. It is immutable except for the
// atomic fields.
type token struct {
	tokenRecord

	header  string    // the value of the Authorization header
	key     *dpopKey  // the key it is bound to; nil for a bearer token
	since   time.Time // when this process obtained or loaded it; has a monotonic reading
	own     bool      // this process obtained it
	anew    bool      // own, and obtained by a login or a Grant, not by a refresh
	unsaved bool      // saving it failed, so the Store holds an older token

	accepted  atomic.Bool  // the resource accepted it
	refused   atomic.Bool  // the resource refused it with a 401
	dead      atomic.Bool  // its refresh token no longer works, or its source has no other token
	retryFrom atomic.Int64 // when the next background refresh may begin, in Unix nanoseconds
	outage    outage       // of its refreshes
}

// tokenRecord is the stored form of a token. It never prints its values.
type tokenRecord struct {
	Access    string    `json:"access_token"`
	Type      string    `json:"token_type"`
	Refresh   string    `json:"refresh_token,omitempty"`
	Obtained  time.Time `json:"obtained"`
	Expiry    time.Time `json:"expiry,omitzero"` // zero: unknown
	Granted   []string  `json:"granted,omitempty"`
	Requested []string  `json:"requested,omitempty"`
	Resource  string    `json:"resource"`
	Issuer    string    `json:"issuer"`
	ClientID  string    `json:"client_id,omitempty"`
	// ClientSecret and ClientAuth are the credentials of the dynamic registration that the token
	// was issued to. The Store may hold another registration by the time of a refresh.
	ClientSecret string `json:"client_secret,omitempty"`
	ClientAuth   string `json:"client_auth,omitempty"`
	Guessed      bool   `json:"guessed,omitempty"` // the server has no metadata
	KeyID        string `json:"jkt,omitempty"`     // thumbprint of the key it is bound to
}

const (
	typeBearer = "Bearer"
	typeDPoP   = "DPoP"
)

func newToken(r tokenRecord, key *dpopKey) *token {
	return &token{tokenRecord: r, header: r.Type + " " + r.Access, key: key, since: time.Now()}
}

// Format hides the token.
func (tokenRecord) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

// LogValue hides the token.
func (tokenRecord) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON hides the token. To store it, use encode.
func (tokenRecord) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// encode returns the record for the Store.
func (r tokenRecord) encode() ([]byte, error) {
	type plain tokenRecord        // does not have the methods that hide the token
	return json.Marshal(plain(r)) //nolint:gosec // the Store must hold the token
}

func decodeToken(data []byte) (tokenRecord, error) {
	type plain tokenRecord
	var p plain
	err := json.Unmarshal(data, &p)
	r := tokenRecord(p)
	if err == nil && (!isVisible(r.Access) || r.Type != typeBearer && r.Type != typeDPoP) {
		err = errBadRecord
	}
	return r, err
}

var errBadRecord = errors.New("the stored token is damaged")

const (
	maxExpiryMargin  = 5 * time.Second  // a token counts as expired at most this long before its expiry
	maxRefreshMargin = time.Minute      // a background refresh begins at most this long before a token's expiry
	refreshPause     = 10 * time.Second // after a failed renewal, before the next one in the background
)

// freshness is the state of a token with respect to its expiry.
type freshness uint8

const (
	fresh   freshness = iota
	due               // valid, but expires soon
	expired           // according to this machine's clock
)

func (t *token) freshness(now time.Time) freshness {
	if t.Expiry.IsZero() {
		return fresh
	}
	lifetime := t.Expiry.Sub(t.Obtained)
	left := t.Expiry.Sub(now)
	switch {
	case left <= min(maxExpiryMargin, lifetime/10):
		return expired
	case left <= min(maxRefreshMargin, lifetime/4):
		return due
	}
	return fresh
}

// isRefreshable reports whether a refresh may replace the token.
func (t *token) isRefreshable() bool { return t != nil && t.Refresh != "" && !t.dead.Load() }

// isHopeless reports whether the resource refused the token although it is new, and never accepted
// it: the resource would also refuse a refreshed token. For a token that another process obtained,
// it returns false, because the history of that token is unknown.
func (t *token) isHopeless() bool {
	return t != nil && t.own && t.refused.Load() && !t.accepted.Load() && time.Since(t.Obtained) < hopelessWithin
}

// hopelessWithin is the age up to which a token counts as new. An older one may have been revoked.
const hopelessWithin = time.Minute

// same reports whether two tokens look the same to the resource.
func (t *token) same(o *token) bool {
	return t == o || t != nil && o != nil && t.Access == o.Access
}

// mark records whether the resource accepted or refused the token.
func (t *token) mark(refused bool) {
	flag := &t.accepted
	if refused {
		flag = &t.refused
	}
	if !flag.Load() { // avoids a write that would contend with concurrent requests
		flag.Store(true)
	}
}

// union returns a, followed by the elements of b that are not in a.
func union(a []string, b ...string) []string {
	all := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// contains reports whether all of b are in a.
func contains(a, b []string) bool {
	return !slices.ContainsFunc(b, func(s string) bool { return !slices.Contains(a, s) })
}

// isVisible reports whether s is not empty and consists of visible ASCII characters, which are safe
// in a header.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
