package oauth

import (
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

const (
	namedResource = "https://mcp.example.com"
	namedServer   = "https://as.example.com"
)

// place replaces a World's resource and authorization server. resource and server are the new URLs;
// their host names resolve to resourceIP and serverIP.
func place(w *authtest.World, resource, resourceIP, server, serverIP string) {
	w.Server = w.NewServerAt(server, serverIP)
	w.Server.Change(refreshing)
	w.Resource = w.NewResourceAt(resource, resourceIP, w.Server)
}

// The host names in this test do not show whether their addresses are private. The resource may be
// at a private address, because the user configured it. The authorization server may be at a
// private address only if the resource is too.
func TestWhereNamesMayLead(t *testing.T) {
	const plainResource, plainServer = "http://mcp.example.com", "http://as.example.com"
	insecure := &Config{AllowInsecureHTTP: true}
	for name, c := range map[string]struct {
		cfg                                    *Config
		resource, resourceIP, server, serverIP string
		refused                                string // part of the expected error; empty if the call succeeds
	}{
		"public":                          {nil, namedResource, "1.1.1.1", namedServer, "1.1.1.2", ""},
		"private network":                 {nil, namedResource, "10.1.2.3", namedServer, "10.1.2.4", ""},
		"private, its server public":      {nil, namedResource, "10.1.2.3", namedServer, "1.1.1.2", ""},
		"VPN":                             {nil, namedResource, "100.64.0.7", namedServer, "100.101.0.1", ""},
		"unique local":                    {nil, namedResource, "fd12::1", namedServer, "fd12::2", ""},
		"hosts file":                      {nil, namedResource, "127.0.0.1", namedServer, "127.0.0.2", ""},
		"public, its server private":      {nil, namedResource, "1.1.1.1", namedServer, "10.1.2.4", "a private network"},
		"public, its server in a VPN":     {nil, namedResource, "1.1.1.1", namedServer, "100.64.0.7", "a private network"},
		"public, its server here":         {nil, namedResource, "1.1.1.1", namedServer, "127.0.0.1", "this machine"},
		"link-local":                      {nil, namedResource, "169.254.1.1", namedServer, "10.1.2.4", "link-local"},
		"metadata service":                {nil, namedResource, "100.100.100.200", namedServer, "10.1.2.4", "a metadata service"},
		"private, its server link-local":  {nil, namedResource, "10.1.2.3", namedServer, "169.254.1.1", "link-local"},
		"private, its server metadata":    {nil, namedResource, "10.1.2.3", namedServer, "169.254.169.254", "a metadata service"},
		"http":                            {nil, plainResource, "10.1.2.3", plainServer, "10.1.2.4", "http is for loopback only"},
		"http, allowed":                   {insecure, plainResource, "10.1.2.3", plainServer, "10.1.2.4", ""},
		"http, allowed, public":           {insecure, plainResource, "1.1.1.1", plainServer, "1.1.1.2", ""},
		"http, allowed, server private":   {insecure, plainResource, "1.1.1.1", plainServer, "10.1.2.4", "a private network"},
		"http, allowed, its server https": {insecure, plainResource, "10.1.2.3", namedServer, "10.1.2.4", ""},
		"http allowed, https":             {insecure, namedResource, "10.1.2.3", plainServer, "10.1.2.4", "http is for loopback only"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				place(w, c.resource, c.resourceIP, c.server, c.serverIP)
				r := newRig(t, w, c.cfg)
				err := r.call(t.Context())
				if c.refused == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorContains(t, err, c.refused)
				require.ErrorAs(t, err, new(*URLError))
				require.Equal(t, KindMetadata, KindOf(err))
				require.Empty(t, w.Server.Requests(""))
				require.Zero(t, r.person.times())
			})
		})
	}
}

// A new process finds an expired token before it has reached the resource. To learn that the
// resource is private, it must first send a request there.
func TestRefreshInsideBeginsWithTheResource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		place(w, namedResource, "10.1.2.3", namedServer, "10.1.2.4")
		store := NewMemoryStore()
		newRig(t, w, &Config{Store: store}).mustCall()
		time.Sleep(time.Hour)
		next := newRig(t, w, &Config{Store: store})
		next.mustCall()
		require.Zero(t, next.person.times())
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
	})
}

// The same applies if the first challenge points to metadata at another private origin.
func TestHintInsideOfAnotherOrigin(t *testing.T) {
	for _, c := range []struct {
		resourceIP string
		inside     bool
	}{{"10.1.2.3", true}, {"1.1.1.1", false}} {
		inWorld(t, func(t *testing.T, w *authtest.World) {
			place(w, namedResource, c.resourceIP, namedServer, "10.1.2.4")
			w.ServeAt("https://meta.example.com", "10.1.2.5", http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
				_, _ = out.Write([]byte(`{"resource":"` + w.Resource.URL + `","authorization_servers":["` + namedServer + `"]}`))
			}))
			r := newRig(t, w, nil)
			hint := http.Header{"Www-Authenticate": {`Bearer resource_metadata="https://meta.example.com/x"`}}
			err := r.client.Authorize(t.Context(), w.Resource.URL, http.StatusUnauthorized, hint, time.Now())
			require.Equal(t, c.inside, err == nil, "%v", err)
			require.Equal(t, c.inside, r.person.times() == 1)
		})
	}
}

// A token must not travel in the clear. For an http resource beyond loopback, the client therefore
// obtains no token and sends none that it has stored, even if all OAuth URLs are https: an
// attacker who reads and changes the traffic with the resource can send such a challenge.
func TestNoTokenInTheClear(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		place(w, "http://mcp.example.com", "1.1.1.1", namedServer, "1.1.1.2")
		w.ServeAt("https://meta.example.com", "1.1.1.3", http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
			_, _ = out.Write([]byte(`{"resource":"` + w.Resource.URL + `","authorization_servers":["` + namedServer + `"]}`))
		}))
		w.Server.Change(func(s *authtest.Script) { s.Lifetime = 0 })
		hint := http.Header{"Www-Authenticate": {`Bearer resource_metadata="https://meta.example.com/x"`}}
		store := NewMemoryStore()
		allowed := newRig(t, w, &Config{Store: store, AllowInsecureHTTP: true})
		require.NoError(t, allowed.client.Authorize(t.Context(), w.Resource.URL, http.StatusUnauthorized, hint, time.Now()))
		allowed.mustCall()
		served := w.Resource.Served()

		r := newRig(t, w, &Config{Store: store})
		err := r.client.Authorize(t.Context(), w.Resource.URL, http.StatusUnauthorized, hint, time.Now().Add(time.Second))
		require.ErrorContains(t, err, "http is for loopback only (see Config.AllowInsecureHTTP)")
		resp, err := r.send(t.Context())
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Equal(t, served, w.Resource.Served())
		require.Error(t, r.client.Login(t.Context()))
		_, err = r.client.TokenSource(t.Context()).Token()
		require.ErrorContains(t, err, "http is for loopback only")
		require.Zero(t, r.person.times())
		require.Empty(t, w.Server.Tokens("refresh_token"))
	})
}

// at is a net.Conn whose remote address is addr.
type at struct {
	net.Conn

	addr netip.AddrPort
}

func (a at) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(a.addr) }

// The resource counts as private only if the response came from a private address. It is not enough
// that its name resolves to a private address among others, that a proxy has a private address, or
// that a connection was opened without a response.
func TestWhereTheAnswerCameFrom(t *testing.T) {
	for name, c := range map[string]struct {
		url, judged, connected string
		answered, inside       bool
	}{
		"inside":         {publicEndpoint, "10.0.0.1:443", "10.0.0.1:443", true, true},
		"mapped":         {publicEndpoint, "10.0.0.1:443", "[::ffff:10.0.0.1]:443", true, true},
		"no answer":      {publicEndpoint, "10.0.0.1:443", "10.0.0.1:443", false, false},
		"public":         {publicEndpoint, "1.1.1.1:443", "1.1.1.1:443", true, false},
		"both":           {publicEndpoint, "10.0.0.1:443", "1.1.1.1:443", true, false},
		"proxy":          {publicEndpoint, "", "10.0.0.1:3128", true, false},
		"another origin": {"https://mcp.example.com:444/", "", "10.0.0.1:444", true, false},
	} {
		e := egressOf(t, publicEndpoint, &Config{})
		u, err := url.Parse(c.url)
		require.NoError(t, err)
		v := &visit{egress: e, u: u}
		if c.judged != "" {
			require.NoError(t, v.judge(netip.MustParseAddrPort(c.judged)))
		}
		v.gotConn(httptrace.GotConnInfo{Conn: at{addr: netip.MustParseAddrPort(c.connected)}})
		if c.answered {
			v.answered()
		}
		require.Equal(t, c.inside, e.inside.Load(), name)
	}
}

// A browser is sent to an http URL beyond loopback only if Config.AllowInsecureHTTP is set.
func TestAuthorizationURLs(t *testing.T) {
	for text, want := range map[string][2]bool{
		"https://as.example.com/": {true, true}, "http://127.0.0.1/": {true, true}, "http://as.example.com/": {false, true},
		"javascript:alert(1)": {}, "file:///x": {}, "http://u@as.example.com/": {},
	} {
		for i, insecure := range []bool{false, true} {
			require.Equal(t, want[i], checkAuthorizationURL(&ServerMetadata{AuthorizationEndpoint: text}, insecure) == nil, text)
		}
	}
}
