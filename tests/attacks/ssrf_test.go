package attacks_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// target is a URL that a hostile server names, to make the client send a request there.
type target struct {
	url    string
	inside bool // an internal resource may name it
}

// targets are URLs that a public resource must not lead to.
var targets = []target{
	{"http://127.0.0.1/x", true}, {"https://127.0.0.1/x", true}, {"https://127.0.0.1:8443/x", true}, {"http://localhost/x", true}, {"https://LocalHost/x", true},
	{"https://127.255.255.254/x", true}, {"https://[::1]/x", true}, {"https://[::ffff:127.0.0.1]/x", true}, {"https://sub.localhost/x", true},
	{"https://10.0.0.9/x", true}, {"https://172.31.0.9/x", true}, {"https://192.168.0.9/x", true}, {"https://100.64.0.9/x", true}, {"https://[fd12::9]/x", true},
	{"https://[64:ff9b::10.0.0.9]/x", true}, {"https://intranet/x", true}, {"https://db.internal/x", true}, {"https://api.default.svc/x", true},
	{"http://10.0.0.9/x", false}, {"http://intranet/x", false}, {"http://as.example.com/x", false},
	{"https://169.254.169.254/x", false}, {"http://169.254.169.254/x", false}, {"https://[::ffff:169.254.169.254]/x", false}, {"https://[fd00:ec2::254]/x", false},
	{"https://metadata.google.internal/x", false}, {"http://metadata.google.internal/x", false}, {"https://metadata/x", false}, {"https://100.100.100.200/x", false},
	{"https://168.63.129.16/x", false}, {"https://[fe80::1]/x", false}, {"https://169.254.1.1/x", false},
	{"https://0.0.0.0/x", false}, {"https://[::]/x", false}, {"https://224.0.0.1/x", false}, {"https://255.255.255.255/x", false},
	{"https://2130706433/x", false}, {"https://0x7f000001/x", false}, {"https://0177.0.0.1/x", false}, {"https://127.1/x", false}, {"https://0/x", false},
	{"https://0xa9fea9fe/x", false}, {"https://2852039166/x", false}, {"https://0251.0376.0251.0376/x", false}, {"https://169.254.43518/x", false},
	{"https://[::127.0.0.1]/x", false}, {"https://[2002:7f00:1::]/x", false}, {"https://[64:ff9b::127.0.0.1]/x", false}, {"https://[2001::1]/x", false},
	{"https://as.example.com@127.0.0.1/x", false}, {"https://127.0.0.1#@as.example.com/x", false}, {"file:///etc/passwd", false}, {"gopher://127.0.0.1/x", false},
}

// places are the parts of a document or a challenge in which a server names a URL.
var places = map[string]func(a *prey, to string){
	"resource_metadata": func(a *prey, to string) { a.hint = to },
	"authorization_servers": func(a *prey, to string) {
		a.Resource.Change(func(s *authtest.ResourceScript) {
			s.Metadata = func(document map[string]any) {
				document["authorization_servers"] = []string{strings.TrimSuffix(to, "/x")}
			}
		})
	},
	"authorization_endpoint": endpoint("authorization_endpoint"),
	"token_endpoint":         endpoint("token_endpoint"),
	"registration_endpoint":  endpoint("registration_endpoint"),
	"revocation_endpoint":    endpoint("revocation_endpoint"),
}

func endpoint(name string) func(a *prey, to string) {
	return func(a *prey, to string) {
		a.Server.Change(func(s *authtest.Script) {
			s.Metadata = func(document map[string]any) { document[name] = to }
		})
	}
}

// prey is a client of a hostile resource.
type prey struct {
	*authtest.World

	client *oauth.Client
	hint   string // resource_metadata of the challenge

	mu     sync.Mutex
	caught []string // guarded by mu: connections to targets
}

// trap listens at the address of a target, as a program would dial it, and records connections.
func (a *prey) trap(t *testing.T, to string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Hostname() == "" {
		return
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "gopher": "70"}[u.Scheme]
	}
	ln := a.Network.Listen(net.JoinHostPort(u.Hostname(), port))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			a.mu.Lock()
			a.caught = append(a.caught, to)
			a.mu.Unlock()
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
}

// tempt makes the client authorize and log out.
func (a *prey) tempt(t *testing.T) error {
	t.Helper()
	header := http.Header{}
	if a.hint != "" {
		header.Set("WWW-Authenticate", fmt.Sprintf("Bearer resource_metadata=%q", a.hint))
	}
	err := a.client.Authorize(t.Context(), a.Resource.URL, http.StatusUnauthorized, header, time.Now().Add(time.Second))
	return errors.Join(err, a.client.Logout(t.Context()))
}

// From a public resource, no URL in any place leads to this machine, into a private network or to a
// metadata service, however its host is written. From an internal resource, none leads to what is
// never allowed; that also holds through an executor.
func TestSSRFMatrix(t *testing.T) {
	for name, world := range map[string]struct {
		inside bool
		open   func(w *authtest.World)
	}{
		"public resource": {false, func(w *authtest.World) {
			w.Server = w.NewServerAt("https://as.example.com", "1.1.1.2")
			w.Resource = w.NewResourceAt("https://mcp.example.com", "1.1.1.1", w.Server)
		}},
		"internal resource":                      {true, func(*authtest.World) {}},
		"internal resource, through an executor": {true, ways["agent"]},
	} {
		for place, lead := range places {
			for _, to := range targets {
				if world.inside && to.inside {
					continue
				}
				t.Run(name+"/"+place+"/"+strings.ReplaceAll(to.url, "/", "_"), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						a := &prey{World: authtest.New(t)}
						world.open(a.World)
						a.trap(t, to.url)
						var err error
						a.client, err = oauth.NewClient(a.Resource.URL, &oauth.Config{Login: oauth.LoginFunc((&arena{browser: a.World}).login)})
						require.NoError(t, err)
						t.Cleanup(func() { require.NoError(t, a.client.Close()) })
						a.client.RoundTripper(a.Transport)
						lead(a, to.url)
						err = a.tempt(t)
						if place == "resource_metadata" { // another place has the document
							require.NoError(t, err)
						} else {
							require.Equal(t, oauth.KindMetadata, oauth.KindOf(err), "%v", err)
							require.Empty(t, a.Server.Requests("/authorize"))
						}
						a.mu.Lock()
						defer a.mu.Unlock()
						require.Empty(t, a.caught, "connections to the target")
					})
				})
			}
		}
	}
}

// A public name that resolves to an internal address gets no request either, even if it is a name
// below that of the resource.
func TestSSRFThroughNames(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "10.0.0.9", "192.168.0.9", "100.64.0.9", "169.254.169.254", "100.100.100.200", "fd12::9", "::1"} {
		for place, lead := range places {
			t.Run(ip+"/"+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					a := &prey{World: authtest.New(t)}
					a.Server = a.NewServerAt("https://as.example.com", "1.1.1.2")
					a.Resource = a.NewResourceAt("https://mcp.example.com", "1.1.1.1", a.Server)
					a.ServeAt("https://inner.mcp.example.com", ip, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						a.mu.Lock()
						defer a.mu.Unlock()
						a.caught = append(a.caught, r.URL.Path)
						_, _ = io.WriteString(w, `{"client_id":"x"}`)
					}))
					var err error
					a.client, err = oauth.NewClient(a.Resource.URL, &oauth.Config{Login: oauth.LoginFunc((&arena{browser: a.World}).login)})
					require.NoError(t, err)
					t.Cleanup(func() { require.NoError(t, a.client.Close()) })
					a.client.RoundTripper(a.Transport)
					lead(a, "https://inner.mcp.example.com/x")
					err = a.tempt(t)
					if place == "token_endpoint" || place == "registration_endpoint" || place == "authorization_servers" {
						require.Equal(t, oauth.KindMetadata, oauth.KindOf(err), "%v", err)
					}
					a.mu.Lock()
					defer a.mu.Unlock()
					if place != "authorization_endpoint" { // the user's browser goes there, not the client
						require.Empty(t, a.caught, "requests to the internal address")
					}
				})
			})
		}
	}
}

// A session never follows its server into the network of the client.
func TestSSRFOfASession(t *testing.T) {
	for _, to := range targets {
		synctest.Test(t, func(t *testing.T) {
			a := &prey{World: authtest.New(t)}
			a.trap(t, to.url)
			srv := mcptest.New(mcptest.Legacy)
			srv.Tools = []*mcptest.Tool{{Name: "act"}}
			srv.Intercept = func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
				if m == nil || m.Method != "tools/call" {
					return false
				}
				w.Header().Set("Location", to.url)
				w.WriteHeader(http.StatusTemporaryRedirect)
				return true
			}
			origin := a.Serve(srv)
			s, err := mcpclient.Connect(t.Context(), origin+"/mcp", &mcpclient.Options{Transport: a.Transport})
			require.NoError(t, err)
			_, err = s.CallTool(t.Context(), "act", nil)
			require.Equal(t, mcpclient.KindHTTP, mcpclient.KindOf(err))
			require.NoError(t, s.Close())
			srv.Close()
			a.mu.Lock()
			defer a.mu.Unlock()
			require.Empty(t, a.caught)
		})
	}
}
