package oauth

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// known holds what the client remembers between operations.
type known struct {
	mu       sync.Mutex
	at       *target                    // guarded by mu: the result of the last discovery
	declined declined                   // guarded by mu
	failed   *failedLogin               // guarded by mu: the last login, if it failed
	steps    map[string]bool            // guarded by mu: the stepKeys of successful step-ups
	spent    map[[sha256.Size]byte]bool // guarded by mu: digests of refused assertions
	works    map[string]workaround      // guarded by mu: by workaroundKey
}

// declined says which kinds of login the user declined. The user is not prompted for those again.
type declined uint8

const (
	declinedNothing declined = iota
	declinedStepUp
	declinedAll
)

type failedLogin struct {
	from, until time.Time // when it began and ended
	err         error
}

// covers reports whether a request made at began shares the result of the failed login, because the
// login was still running then. Clocks are coarse: at an equal reading, the request came later, unless
// the whole login took no measurable time.
func (f *failedLogin) covers(began time.Time) bool {
	return f != nil && (began.Before(f.until) || began.Equal(f.until) && f.from.Equal(f.until))
}

// maxRemembered bounds the number of entries that a server can make the client remember.
const maxRemembered = 256

// verdict returns nil if the user may be prompted for the authorization a. Otherwise the error says
// why not.
func (k *known) verdict(a *ask, cur *token) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.declined == declinedAll, k.declined == declinedStepUp && a.stepUp:
		return &Error{Kind: KindDeclined, Op: "authorize", Err: ErrDeclined}
	case k.failed.covers(a.began):
		return k.failed.err
	case a.stepUp && cur != nil && (contains(cur.Requested, a.scopes) && k.steps[stepKey(cur, a)] || len(k.steps) >= maxRemembered):
		return &Error{Kind: KindScope, Op: "authorize", Err: &DocumentError{
			Reason: "the token has the requested scopes, but the resource demands more",
			Wanted: shownScopes(a.scopes), Found: shownScopes(cur.Requested),
		}}
	}
	return nil
}

// shownScopes returns scopes as errors show them.
func shownScopes(scopes []string) string { return redact.Clean(strings.Join(scopes, " "), maxHost) }

// learn records err, the result of the authorization a, which began at from. before and after are
// the tokens that were current before and after the authorization.
func (k *known) learn(a *ask, err error, from time.Time, before, after *token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err == nil && a.stepUp:
		if k.steps == nil {
			k.steps = map[string]bool{}
		}
		k.steps[stepKey(before, a)], k.steps[stepKey(after, a)] = true, true
		k.failed = nil
	case err == nil:
		k.failed = nil
	case errors.Is(err, ErrDeclined) && a.stepUp:
		k.declined = max(k.declined, declinedStepUp)
	case errors.Is(err, ErrDeclined):
		k.declined = declinedAll
	default:
		k.failed = &failedLogin{from: from, until: time.Now(), err: err}
	}
}

// pardon forgets all reasons not to prompt the user.
func (k *known) pardon() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.declined, k.failed, k.steps = declinedNothing, nil, nil
}

// stepKey returns a key for the scopes that a step-up requests: those of the current token's
// request and those of the challenge.
func stepKey(cur *token, a *ask) string {
	var before []string
	if cur != nil {
		before = cur.Requested
	}
	scopes := union(before, a.scopes...)
	slices.Sort(scopes)
	return strings.Join(scopes, " ")
}

func (k *known) target() *target {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.at
}

func (k *known) setTarget(at *target) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.at = at
}

// failure returns the error of the last login if it failed, else nil.
func (k *known) failure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		return nil
	}
	return k.failed.err
}

func (k *known) isDeclined() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.declined == declinedAll
}

// spend records a refused assertion, so that it is not sent again.
func (k *known) spend(assertion string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.spent == nil || len(k.spent) >= maxRemembered {
		k.spent = map[[sha256.Size]byte]bool{}
	}
	k.spent[sha256.Sum256([]byte(assertion))] = true
}

func (k *known) isSpent(assertion string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spent[sha256.Sum256([]byte(assertion))]
}

func (k *known) workaround(key string) (workaround, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w, ok := k.works[key]
	return w, ok
}

func (k *known) setWorkaround(key string, w workaround) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.works == nil || len(k.works) >= maxRemembered {
		k.works = map[string]workaround{}
	}
	k.works[key] = w
}
