package streamablehttp

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// A 403 may say that the token is invalid.
func TestInvalidToken(t *testing.T) {
	for challenge, want := range map[string]bool{
		`Bearer error="invalid_token"`: true, `DPoP error="invalid_token"`: true, `Bearer error="insufficient_scope"`: false,
		`Basic error="invalid_token"`: false, ``: false,
	} {
		require.Equal(t, want, (&HTTPError{Status: http.StatusForbidden, Challenges: []string{challenge}}).InvalidToken(), challenge)
		require.False(t, (&HTTPError{Status: http.StatusNotFound, Challenges: []string{challenge}}).InvalidToken())
	}
}

// Only the error parameter of a challenge counts. The same word elsewhere in the challenge does
// not.
func TestInsufficientScope(t *testing.T) {
	for challenge, want := range map[string]bool{
		`Bearer error="insufficient_scope", scope="a"`:                             true,
		`Basic realm="x", bearer scope=a, ERROR = insufficient_scope`:              true,
		`DPoP algs="ES256", error="insufficient_scope"`:                            true,
		`Bearer error="invalid_token", error_description="not insufficient_scope"`: false,
		`Bearer realm="error=insufficient_scope"`:                                  false,
		`Basic error="insufficient_scope"`:                                         false,
		`Bearer error="insufficient_scope`:                                         false,
		``:                                                                         false,
	} {
		require.Equal(t, want, (&HTTPError{Status: http.StatusForbidden, Challenges: []string{challenge}}).InsufficientScope(), challenge)
		require.False(t, (&HTTPError{Status: http.StatusUnauthorized, Challenges: []string{challenge}}).InsufficientScope())
	}
}
