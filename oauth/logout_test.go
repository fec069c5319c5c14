package oauth

import (
	"bytes"
	"log/slog"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// A token that the server does not revoke stays valid there, so Logout says so in the log.
func TestLogoutWithoutRevocation(t *testing.T) {
	for name, c := range map[string]struct {
		script func(s *authtest.Script)
		log    string
	}{
		"revoked": {func(*authtest.Script) {}, ""},
		"no way":  {func(s *authtest.Script) { s.Metadata = func(d map[string]any) { delete(d, "revocation_endpoint") } }, "offers no revocation"},
		"it refuses": {func(s *authtest.Script) {
			s.Revoke = func(url.Values) (int, string) { return 400, `{"error":"invalid_client"}` }
		}, "invalid_client"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(c.script)
				var log bytes.Buffer
				r := newRig(t, w, &Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				r.mustCall()
				token := r.client.held.Load().Access
				require.NoError(t, r.client.Logout(t.Context()))
				require.Nil(t, r.client.held.Load())
				require.Equal(t, name == "revoked", w.Server.Accepts(token) == nil)
				if c.log == "" {
					require.NotContains(t, log.String(), "not revoked")
				} else {
					require.Contains(t, log.String(), "token not revoked")
					require.Contains(t, log.String(), c.log)
				}
			})
		})
	}
}
