package oauth

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

func bound(w *authtest.World) {
	w.Server.Change(func(s *authtest.Script) { refreshing(s); s.DPoP = true })
	w.Resource.Change(func(s *authtest.ResourceScript) { s.DPoP = true })
}

// The servers verify every DPoP proof. When a server changes its nonce, the client resends the
// request once and needs no new authorization.
func TestDPoPWithNonces(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		bound(w)
		r := newRig(t, w, nil)
		r.mustCall()
		r.mustCall()
		require.Equal(t, 2, w.Resource.Served())
		require.Len(t, w.Resource.Requests(), 3, "the first request has no token")

		w.Resource.Change(func(s *authtest.ResourceScript) { s.Nonce = "n1" })
		r.mustCall()
		require.Len(t, w.Resource.Requests(), 5, "one request is resent with the new nonce")
		r.mustCall()
		require.Len(t, w.Resource.Requests(), 6, "the nonce must be kept")
		w.Server.Change(func(s *authtest.Script) { s.Nonce = "m1" })
		time.Sleep(time.Hour)
		r.mustCall()
		require.Len(t, w.Server.Tokens("refresh_token"), 2, "the refresh is resent with the nonce")
		require.Zero(t, w.Server.Reused())
		require.Equal(t, 1, r.person.times())
		w.Server.RevokeAll(false)
		r.mustCall()
		require.Len(t, w.Server.Tokens("refresh_token"), 3)
		require.Equal(t, 1, r.person.times())
		require.NotEmpty(t, w.Server.Requests("/authorize")[0].Form.Get("dpop_jkt"))

		next := newRig(t, w, nil) // it receives the nonce when it exchanges the code
		next.mustCall()
		require.Equal(t, 1, next.person.times())
		require.Len(t, w.Server.Tokens("authorization_code"), 3)
	})
}

// The next process finds the DPoP key in the store, and so can use the token. If the key is
// missing, it does not use the token.
func TestDPoPKeyIsStored(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		bound(w)
		store := NewMemoryStore()
		newRig(t, w, &Config{Store: store}).mustCall()
		next := newRig(t, w, &Config{Store: store})
		next.mustCall()
		require.Zero(t, next.person.times())

		key := dpopStoreKey(w.Server.Issuer)
		_, version, err := store.Load(t.Context(), key)
		require.NoError(t, err)
		require.NoError(t, store.Delete(t.Context(), key, version))
		third := newRig(t, w, &Config{Store: store})
		third.mustCall()
		require.Equal(t, 1, third.person.times())
	})
}

func TestDPoPModes(t *testing.T) {
	for name, c := range map[string]struct {
		mode             DPoPMode
		server, resource bool
		algorithms       []string
		bound            bool
		kind             Kind
	}{
		"if required, required":               {mode: DPoPIfRequired, server: true, resource: true, bound: true},
		"if required, supported":              {mode: DPoPIfRequired, server: true},
		"if required, server cannot":          {mode: DPoPIfRequired, resource: true, kind: KindResponse},
		"if supported, supported":             {mode: DPoPIfSupported, server: true, bound: true},
		"if supported, not":                   {mode: DPoPIfSupported},
		"if supported, other algorithms":      {mode: DPoPIfSupported, server: true, algorithms: []string{"RS256"}},
		"always, server cannot":               {mode: DPoPAlways, kind: KindResponse},
		"always, server has other algorithms": {mode: DPoPAlways, server: true, algorithms: []string{"RS256"}, kind: KindConfig},
		"always":                              {mode: DPoPAlways, server: true, bound: true},
		"never, although supported":           {mode: DPoPNever, server: true},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(func(s *authtest.Script) {
					s.DPoP = c.server
					s.Metadata = func(d map[string]any) {
						if c.algorithms != nil {
							d["dpop_signing_alg_values_supported"] = c.algorithms
						}
					}
				})
				w.Resource.Change(func(s *authtest.ResourceScript) { s.DPoP = c.resource })
				r := newRig(t, w, &Config{DPoP: c.mode})
				err := r.call(t.Context())
				require.Equal(t, c.kind, KindOf(err), "%v", err)
				status, err := r.client.Status(t.Context())
				require.NoError(t, err)
				require.Equal(t, c.bound, status.DPoP)
				require.Equal(t, c.kind == 0, status.Authorized)
			})
		})
	}
}

func TestProofTargets(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.test":           "https://a.test/",
		"https://a.test/x%2Fy?q#f": "https://a.test/x%2Fy",
		"http://127.0.0.1:90/a b":  "http://127.0.0.1:90/a%20b",
	} {
		u, err := url.Parse(in)
		require.NoError(t, err)
		require.Equal(t, want, targetURI(u))
	}
}

func TestNoncesAreBounded(t *testing.T) {
	var n nonces
	u := func(host string) *url.URL { return &url.URL{Scheme: "https", Host: host} }
	n.take(u("a"), map[string][]string{"Dpop-Nonce": {"bad nonce"}})
	require.Empty(t, n.get(u("a")))
	for i := range 10 * maxNonces {
		n.take(u(string(rune('a'+i%26))+string(rune('a'+i/26))), map[string][]string{"Dpop-Nonce": {"n"}})
	}
	require.LessOrEqual(t, len(n.all), maxNonces)
	n.take(u("a:443"), map[string][]string{"Dpop-Nonce": {"n1"}})
	require.Equal(t, "n1", n.get(u("A")))
	require.Empty(t, n.get(&url.URL{Scheme: "http", Host: "a:80"}))
}
