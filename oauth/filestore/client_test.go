package filestore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
	"github.com/hawser-mcp/hawser/oauth/loopback"
)

// strictWorld is a resource with its authorization server. The server accepts each refresh token
// only once.
type strictWorld struct {
	origin string

	mu       sync.Mutex // guards the fields below
	serial   int
	access   string
	refresh  string
	refused  int // number of refused refresh tokens
	accepted int // number of accepted requests to the resource
}

func newStrictWorld(t *testing.T) *strictWorld {
	t.Helper()
	s := &strictWorld{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.origin = server.URL
	return s
}

func (s *strictWorld) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := map[string]any{}
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		answer["resource"], answer["authorization_servers"] = s.origin+"/mcp", []string{s.origin}
	case "/.well-known/oauth-authorization-server":
		answer = map[string]any{
			"issuer": s.origin, "authorization_endpoint": s.origin + "/authorize", "token_endpoint": s.origin + "/token",
			"registration_endpoint": s.origin + "/register", "code_challenge_methods_supported": []string{"S256"},
			"response_types_supported": []string{"code"}, "token_endpoint_auth_methods_supported": []string{"none"},
		}
	case "/register":
		_ = json.NewDecoder(r.Body).Decode(&answer)
		answer["client_id"] = "client"
		w.WriteHeader(http.StatusCreated)
	case "/authorize": // the user authorizes
		http.Redirect(w, r, r.FormValue("redirect_uri")+"?code=code&state="+r.FormValue("state"), http.StatusFound)
		return
	case "/token":
		answer = s.token(w, r)
	case "/mcp":
		s.use(w, r)
		return
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(answer) //nolint:errchkjson // the client would notice an error
}

func (s *strictWorld) token(w http.ResponseWriter, r *http.Request) map[string]any {
	if r.FormValue("grant_type") == "refresh_token" && r.FormValue("refresh_token") != s.refresh {
		s.refused++
		w.WriteHeader(http.StatusBadRequest)
		return map[string]any{"error": "invalid_grant"}
	}
	s.serial++
	s.access, s.refresh = fmt.Sprint("access-", s.serial), fmt.Sprint("refresh-", s.serial)
	return map[string]any{"access_token": s.access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": s.refresh}
}

func (s *strictWorld) use(w http.ResponseWriter, r *http.Request) {
	if s.access == "" || r.Header.Get("Authorization") != "Bearer "+s.access {
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+s.origin+`/.well-known/oauth-protected-resource/mcp"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.accepted++
}

// call sends one request to endpoint with auth.
func call(ctx context.Context, auth *oauth.Client, endpoint string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader("{}"))
	if err != nil {
		return nil, err
	}
	resp, err := auth.RoundTripper(nil).RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp, errors.Join(err, resp.Body.Close())
}

// login logs in with an automatic browser, and keeps the token in store.
func (s *strictWorld) login(t *testing.T, store oauth.Store) {
	t.Helper()
	browser := &http.Transport{}
	defer browser.CloseIdleConnections()
	auth, err := oauth.NewClient(s.origin+"/mcp", &oauth.Config{Store: store, Login: &loopback.Login{
		Out: io.Discard,
		Open: func(ctx context.Context, page string) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
			if err != nil {
				return err
			}
			resp, err := (&http.Client{Transport: browser}).Do(req)
			if err != nil {
				return err
			}
			return resp.Body.Close()
		},
	}})
	require.NoError(t, err)
	require.NoError(t, auth.Login(t.Context()))
	resp, err := call(t.Context(), auth, s.origin+"/mcp")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, auth.Close())
}

// age makes the token in store look as if it had expired long ago.
func (s *strictWorld) age(t *testing.T, store oauth.Store) {
	t.Helper()
	s.mu.Lock()
	s.access, s.accepted = "", 0
	s.mu.Unlock()
	key := fmt.Sprintf("token %q %q", s.origin+"/mcp", s.origin)
	value, version, err := store.Load(t.Context(), key)
	require.NoError(t, err)
	var token map[string]any
	require.NoError(t, json.Unmarshal(value, &token))
	require.Contains(t, token, "expiry")
	token["obtained"], token["expiry"] = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	value, err = json.Marshal(token)
	require.NoError(t, err)
	_, err = store.Save(t.Context(), key, value, version)
	require.NoError(t, err)
}

// useClient is the code of a child process with an oauth.Client whose stored token has expired.
func useClient(ctx context.Context, args []string) error {
	dir, endpoint := args[0], args[1]
	store, err := filestore.New(dir)
	if err != nil {
		return err
	}
	auth, err := oauth.NewClient(endpoint, &oauth.Config{Store: store})
	if err != nil {
		return err
	}
	if err := ready(); err != nil {
		return err
	}
	resp, err := call(ctx, auth, endpoint)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return errors.Join(err, auth.Close())
}

func TestTwelveClientsRefreshOnce(t *testing.T) {
	for range rounds {
		s := newStrictWorld(t)
		store := newStore(t)
		s.login(t, store)
		s.age(t, store)

		var all []*child
		for range processes {
			all = append(all, start(t, "use a client", store.Dir(), s.origin+"/mcp"))
		}
		goTogether(t, all)
		require.Equal(t, 2, s.serial, "one token from the login, one from a refresh")
		require.Equal(t, processes, s.accepted)
		require.Zero(t, s.refused)
	}
}
