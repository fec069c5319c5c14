package filestore_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/oauth/filestore"
)

const (
	tokenKey  = `token "https://mcp.example.com/mcp" "https://auth.example.com"`
	processes = 12
	rounds    = 20
)

// tokens is the value that the child processes share in the store.
type tokens struct{ Access, Refresh string }

// strictServer is an authorization server and a resource. It accepts each refresh token only once,
// and accepts only the last access token that it issued.
type strictServer struct {
	mu       sync.Mutex
	serial   int
	valid    tokens // guarded by mu, like the other fields
	refused  int
	accepted int
}

func (s *strictServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch given := r.FormValue("token"); {
	case r.URL.Path == "/refresh" && given == s.valid.Refresh:
		s.serial++
		s.valid = tokens{fmt.Sprint("access ", s.serial), fmt.Sprint("refresh ", s.serial)}
		fmt.Fprintf(w, `{"Access":%q,"Refresh":%q}`, s.valid.Access, s.valid.Refresh)
	case r.URL.Path == "/use" && given == s.valid.Access:
		s.accepted++
	default:
		s.refused++
		http.Error(w, "refused", http.StatusForbidden)
	}
}

// useToken is the code of a child process that loads an expired token, refreshes it and uses the
// new one.
func useToken(ctx context.Context, args []string) error {
	dir, server := args[0], args[1]
	if err := ready(); err != nil {
		return err
	}
	store, err := filestore.New(dir)
	if err != nil {
		return err
	}
	token, _, err := loadTokens(ctx, store)
	if err != nil {
		return err
	}
	if token.Access == "expired" {
		if token, err = refresh(ctx, store, server); err != nil {
			return err
		}
	}
	_, err = post(server+"/use", token.Access)
	return err
}

// refresh refreshes a token as an oauth.Client does. After it gets the lease, it first checks
// whether another process has already refreshed the token.
func refresh(ctx context.Context, store oauth.Store, server string) (tokens, error) {
	release, err := store.Lease(ctx, tokenKey, time.Minute)
	if err != nil {
		return tokens{}, err
	}
	defer release()
	token, version, err := loadTokens(ctx, store)
	if err != nil || token.Access != "expired" {
		return token, err
	}
	answer, err := post(server+"/refresh", token.Refresh)
	if err != nil {
		return tokens{}, err
	}
	if _, err := store.Save(ctx, tokenKey, answer, version); err != nil {
		return tokens{}, err
	}
	err = json.Unmarshal(answer, &token)
	return token, err
}

func loadTokens(ctx context.Context, store oauth.Store) (token tokens, version string, err error) {
	value, version, err := store.Load(ctx, tokenKey)
	if err == nil {
		err = json.Unmarshal(value, &token)
	}
	return token, version, err
}

func post(to, token string) ([]byte, error) {
	resp, err := new(http.Client).PostForm(to, url.Values{"token": {token}})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func TestTwelveProcessesRefreshOnce(t *testing.T) {
	for range rounds {
		server := &strictServer{valid: tokens{"none", "refresh 0"}}
		upstream := httptest.NewServer(server)
		dir := t.TempDir() + "/store"
		store, err := filestore.New(dir)
		require.NoError(t, err)
		_, err = store.Save(t.Context(), tokenKey, []byte(`{"Access":"expired","Refresh":"refresh 0"}`), "")
		require.NoError(t, err)

		var all []*child
		for range processes {
			all = append(all, start(t, "use the token", dir, upstream.URL))
		}
		goTogether(t, all)
		upstream.Close()
		require.Equal(t, 1, server.serial, "refreshes")
		require.Equal(t, processes, server.accepted)
		require.Zero(t, server.refused)
	}
}

// holdLease is the code of a child process that takes the lease and never releases it.
func holdLease(ctx context.Context, args []string) error {
	store, err := filestore.New(args[0])
	if err != nil {
		return err
	}
	if _, err := store.Lease(ctx, tokenKey, time.Hour); err != nil {
		return err
	}
	return ready()
}

// A lease ends when its process ends. Otherwise a crash during a refresh would block all other
// processes.
func TestLeaseEndsWithItsHolder(t *testing.T) {
	dir := t.TempDir() + "/store"
	store, err := filestore.New(dir)
	require.NoError(t, err)
	holder := start(t, "hold the lease", dir)
	holder.says("ready")

	patience := errors.New("no patience")
	impatient, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, patience)
	defer cancel()
	_, err = store.Lease(impatient, tokenKey, time.Hour)
	require.ErrorIs(t, err, patience, "the holder is still running")

	got := make(chan error, 1)
	go func() {
		release, err := store.Lease(t.Context(), tokenKey, time.Hour)
		if err == nil {
			release()
		}
		got <- err
	}()
	require.NoError(t, holder.cmd.Process.Kill())
	require.NoError(t, <-got)
	require.Error(t, holder.cmd.Wait())
}
