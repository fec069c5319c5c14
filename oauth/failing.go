package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
)

// A refresh counts as failing after failingTimes failures in a row, over at least failingFor. Only
// failures of the server itself count: see isServerFault. The user is then prompted to log in.
const (
	failingTimes = 5
	failingFor   = 15 * time.Second
)

// failures counts the failed refreshes of a token since the last success. It is stored with the
// token, so that short-lived processes add up.
type failures struct {
	Count int       `json:"count,omitempty"`
	Since time.Time `json:"since,omitzero"` // of the first
}

// isLasting reports whether the refresh counts as failing.
func (f failures) isLasting(now time.Time) bool {
	return f.Count >= failingTimes && now.Sub(f.Since) >= failingFor
}

// isServerFault reports whether a token endpoint failed because of a defect of its own: with 500, or
// with server_error in a 4xx. Outages are different: no connection, 429, 502, 503 and 504.
func isServerFault(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Kind != KindNetwork || slices.Contains([]string{codeUnavailable, codeSlowDown}, e.Code) {
		return false
	}
	return e.Status == http.StatusInternalServerError || e.Code == codeServerError && !httpstatus.Of(e.Status).Transient()
}

// countFailure records that a refresh of old failed with err, a fault of the server. It returns the
// error of the refresh: err or, if the refresh keeps failing, a permanent error that makes the caller
// prompt the user. The refresh token stays, and each renewal still tries it first, so that a
// temporary failure logs nobody out. The caller holds the lease.
func (c *Client) countFailure(ctx context.Context, key string, old *token, version string, err error) error {
	now := time.Now()
	f := failures{Count: 1, Since: now.Round(0)}
	if before := old.failures.Load(); before != nil && before.Count > 0 {
		f = failures{Count: before.Count + 1, Since: before.Since}
	}
	old.failures.Store(&f)
	if version != "" {
		r := old.tokenRecord
		r.Failures = f
		if saveErr := c.save(ctx, key, r, version); saveErr != nil && !errors.Is(saveErr, ErrConflict) {
			c.log.Warn("failed refresh not recorded in the store", "issuer", old.Issuer, "error", saveErr)
		}
	}
	if !f.isLasting(now) {
		return err
	}
	return &Error{Kind: KindLoginRequired, Op: "refresh token", Err: fmt.Errorf("the server failed %d times in a row: %w", f.Count, err)}
}

// forgive makes the refresh of a token count from zero, after the user was prompted because of it. So
// the user is prompted at most once for failingTimes failures.
func (t *token) forgive() {
	if t != nil {
		t.failures.Store(nil)
	}
}
