package loopback

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
)

// party is a resource with an authorization server that sends no iss.
type party struct {
	origin string
	detour func(q url.Values) string // where the user is sent instead of back; nil: nowhere else

	mu        sync.Mutex
	redirects []string   // guarded by mu: the redirect URIs of the last registration
	asked     url.Values // guarded by mu: the last authorization request
	tokens    []url.Values
}

func newParty(t *testing.T) *party {
	t.Helper()
	p := new(party)
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.origin = srv.URL
	return p
}

func (p *party) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // an invalid form counts as empty
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		fmt.Fprintf(w, `{"resource":"%[1]s/mcp","authorization_servers":["%[1]s"]}`, p.origin)
	case "/.well-known/oauth-authorization-server":
		fmt.Fprintf(w, `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/authorize","token_endpoint":"%[1]s/token",`+
			`"registration_endpoint":"%[1]s/register","code_challenge_methods_supported":["S256"]}`, p.origin)
	case "/register":
		var client struct {
			Redirects []string `json:"redirect_uris"`
		}
		_ = json.NewDecoder(r.Body).Decode(&client) // an invalid body counts as empty
		p.redirects = client.Redirects
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"client_id":"client of %s"}`, p.origin)
	case "/authorize":
		p.asked = r.Form
		switch back := r.Form.Get("redirect_uri"); {
		case p.detour != nil:
			http.Redirect(w, r, p.detour(r.Form), http.StatusFound)
		case slices.Contains(p.redirects, back):
			http.Redirect(w, r, back+"?code=SECRET&state="+url.QueryEscape(r.Form.Get("state")), http.StatusFound)
		default:
			http.Error(w, "unknown redirect URI", http.StatusBadRequest)
		}
	case "/token":
		p.tokens = append(p.tokens, r.Form)
		fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer"}`)
	default:
		http.NotFound(w, r)
	}
}

// login logs in to the party's resource, with a browser that follows all redirects. It returns the
// status of the last page. After any page but that of a login that succeeded, the user gives up.
func (p *party) login(t *testing.T, store oauth.Store, port int) (status int, err error) {
	t.Helper()
	visited := make(chan int, 1)
	browser := browserOf(t, &http.Transport{})
	auth, err := oauth.NewClient(p.origin+"/mcp", &oauth.Config{Store: store, Login: &Login{
		Port: port, Out: io.Discard, Open: func(ctx context.Context, page string) error {
			// The login may end before the browser has shown the last page.
			req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, page, http.NoBody)
			if err != nil {
				return err
			}
			resp, err := browser.Do(req)
			if err != nil {
				return err
			}
			visited <- resp.StatusCode
			return resp.Body.Close()
		},
	}})
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() { result <- auth.Login(context.WithoutCancel(t.Context())) }()
	if status = <-visited; status != http.StatusOK {
		require.NoError(t, auth.Close())
	}
	err = <-result
	require.NoError(t, auth.Close())
	return status, err
}

// A malicious authorization server sends the user on to an honest one, which is registered at the
// same port. Neither server sends iss. The honest code arrives, and is not used.
func TestMixUp(t *testing.T) {
	honest, evil, store := newParty(t), newParty(t), oauth.NewMemoryStore()
	port := freePort(t)
	number := must(strconv.Atoi(port))
	status, err := honest.login(t, store, number)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	registered := honest.redirects[0]
	require.Regexp(t, `^http://127\.0\.0\.1:`+port+`/callback/[0-9a-f]{24}$`, registered)

	evil.detour = func(q url.Values) string {
		q.Set("client_id", "client of "+honest.origin)
		q.Set("redirect_uri", registered)
		return honest.origin + "/authorize?" + q.Encode()
	}
	status, err = evil.login(t, store, number)
	require.ErrorIs(t, err, oauth.ErrClosed, "the login waited on")
	require.Equal(t, http.StatusNotFound, status, "the page of the callback")
	require.Equal(t, evil.asked.Get("state"), honest.asked.Get("state"), "the honest server issued a code")
	require.Empty(t, evil.tokens)
	require.Len(t, honest.tokens, 1)

	status, err = honest.login(t, store, number)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, registered, honest.asked.Get("redirect_uri"), "the registration stays valid")
}
