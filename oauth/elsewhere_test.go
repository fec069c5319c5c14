package oauth

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// ways are functions that choose the transport for the test, by name.
var ways = map[string]func(w *authtest.World){
	"direct":        func(*authtest.World) {},
	"agent":         func(w *authtest.World) { w.Transport = w.Agent(false) },
	"agent, shared": func(w *authtest.World) { w.Transport = w.Agent(true) },
}

// two holds the clients of two resources. Each resource has its own authorization server. The
// clients share a Store and a transport.
type two struct{ a, b *rig }

func newTwo(t *testing.T, w *authtest.World) *two {
	t.Helper()
	other := *w
	other.Server = w.NewServer()
	other.Resource = w.NewResource(other.Server)
	store := NewMemoryStore()
	both := &two{newRig(t, w, &Config{Store: store}), newRig(t, &other, &Config{Store: store})}
	for _, r := range []*rig{both.a, both.b} {
		r.Server.Change(refreshing)
		r.Server.Change(func(s *authtest.Script) { s.Prefix = "of-" + r.Resource.Origin + "-" })
	}
	both.a.mustCall()
	return both
}

// No token, code or refresh token of one resource reaches the other, even if the first resource
// redirects the client or points it to the other's servers.
func TestTokenOfOneResourceNeverReachesAnother(t *testing.T) {
	temptations := map[string]func(t *testing.T, w *two){
		"a request to the other": func(t *testing.T, w *two) {
			w.get(t, w.b.Resource.URL, http.StatusUnauthorized)
		},
		"a redirect": func(t *testing.T, w *two) {
			w.a.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect = w.b.Resource.URL })
			w.get(t, w.a.Resource.URL, http.StatusUnauthorized)
		},
		"a redirect to its authorization server": func(t *testing.T, w *two) {
			w.a.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect = w.b.Server.Issuer + "/token" })
			w.get(t, w.a.Resource.URL, http.StatusBadRequest)
		},
		"the other's login": func(_ *testing.T, w *two) { w.b.mustCall() },
		"a challenge to the other's metadata": func(t *testing.T, w *two) {
			w.a.Server.RevokeAll(true)
			hint := http.Header{"Www-Authenticate": {fmt.Sprintf("Bearer resource_metadata=%q", w.b.Resource.Origin+"/.well-known/oauth-protected-resource/mcp")}}
			require.Error(t, w.a.client.Authorize(t.Context(), w.a.Resource.URL, http.StatusUnauthorized, hint, time.Now().Add(time.Second)))
		},
		"the other's authorization server": func(_ *testing.T, w *two) {
			w.a.Resource.Change(func(s *authtest.ResourceScript) { s.Servers = []*authtest.Server{w.b.Server} })
			w.a.Server.RevokeAll(true)
			w.a.mustCall()
		},
	}
	for way, open := range ways {
		for name, lead := range temptations {
			t.Run(way+"/"+name, func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *authtest.World) {
					open(w)
					both := newTwo(t, w)
					lead(t, both)
					both.check(t)
				})
			})
		}
	}
}

// get sends a request to page with a's token, follows redirects, and checks that the final status
// is want.
func (w *two) get(t *testing.T, page string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, page, strings.NewReader("hello"))
	require.NoError(t, err)
	resp, err := (&http.Client{Transport: w.a.rt}).Do(req)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, want, resp.StatusCode)
}

// check checks that b's servers received nothing that a's server issued. Everything that a's server
// issues begins with the same prefix.
func (w *two) check(t *testing.T) {
	t.Helper()
	issued := "of-" + w.a.Resource.Origin + "-"
	require.Contains(t, fmt.Sprint(w.a.Resource.Requests()), issued, "the prefix must appear in the requests of a's client")
	got := append(w.b.Resource.Requests(), w.b.Server.Requests("")...)
	require.NotContains(t, fmt.Sprint(got), issued)
}
