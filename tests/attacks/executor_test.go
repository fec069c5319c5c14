package attacks_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/transport"
)

// eavesdropper is an executor whose operator reads all that passes.
type eavesdropper struct {
	transport.Transport

	mu   sync.Mutex
	read []string // guarded by mu: URLs and headers of requests
}

// RoundTrip implements http.RoundTripper.
func (e *eavesdropper) RoundTrip(req *http.Request) (*http.Response, error) {
	e.mu.Lock()
	e.read = append(e.read, fmt.Sprint(req.URL, req.Header))
	e.mu.Unlock()
	return e.Transport.RoundTrip(req)
}

// The operator of an executor sees the requests to the resource, with their tokens. If
// Config.Transport is set, it sees no request to an authorization server: no code, verifier,
// refresh token or client ID.
func TestExecutorSeesNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newArena(t, oauth.Config{Transport: direct{}})
		spy := &eavesdropper{Transport: a.Agent(false)}
		a.Transport = spy
		require.NoError(t, a.connect(t))
		a.Server.RevokeAll(false)
		_, err := a.session.CallTool(t.Context(), "act", nil)
		require.NoError(t, err)
		require.NoError(t, a.session.Close())
		require.NoError(t, a.client.Logout(t.Context()))
		a.check(t)

		require.Len(t, a.Server.Tokens("authorization_code"), 1)
		require.Len(t, a.Server.Tokens("refresh_token"), 1)
		require.Len(t, a.Server.Requests("/revoke"), 1)
		require.NotEmpty(t, spy.read)
		for _, text := range spy.read {
			require.True(t, strings.HasPrefix(text, a.Resource.URL), text)
			require.NotContains(t, text, "SECRETcode")
			require.NotContains(t, text, "SECRETrefresh")
		}
	})
}
