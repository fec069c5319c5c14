package mcpclient_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/mcptest"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// doorkeeper is an Authorizer that attaches a token. If ask succeeds, the doorkeeper switches to
// the token that the server expects.
type doorkeeper struct {
	ask func(ctx context.Context, status int, header http.Header) error

	mu      sync.Mutex
	token   string // guarded by mu
	prompts int    // guarded by mu
}

type attaching struct {
	d    *doorkeeper
	base http.RoundTripper
}

func (a attaching) RoundTrip(req *http.Request) (*http.Response, error) {
	a.d.mu.Lock()
	token := a.d.token
	a.d.mu.Unlock()
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+token)
	return a.base.RoundTrip(req)
}

func (d *doorkeeper) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return attaching{d, base}
}

func (d *doorkeeper) Authorize(ctx context.Context, _ string, status int, header http.Header, _ time.Time) error {
	d.mu.Lock()
	d.prompts++
	d.mu.Unlock()
	return d.ask(ctx, status, header)
}

func (d *doorkeeper) set(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.token = token
}

func (d *doorkeeper) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.prompts
}

// locked makes srv refuse every request that does not have the token stored in wants.
func locked(srv *mcptest.Server, wants *sync.Map) {
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		token, _ := wants.Load("token")
		if r.Header.Get("Authorization") == "Bearer "+token.(string) {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="http://mcp.test/meta"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
}

func TestConnectAuthorizes(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		wants := new(sync.Map)
		wants.Store("token", "good")
		locked(srv, wants)
		d := new(doorkeeper)
		d.ask = func(_ context.Context, status int, header http.Header) error {
			require.Equal(t, http.StatusUnauthorized, status)
			require.Contains(t, header.Get("WWW-Authenticate"), "resource_metadata")
			d.set("good")
			return nil
		}
		s := serve(t, srv, mcpclient.Options{Auth: d})
		echoes(t, s)
		require.Equal(t, 1, d.count())
	})
}

// A token expires while a hundred calls run. Half of the refusals arrive only after the user has
// logged in again. The user is not prompted twice, and every call gets its result.
func TestHundredCallsOneLogin(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		d, wants, s := loggedIn(t, srv)
		wants.Store("token", "second")
		agreed := make(chan struct{})
		d.ask = func(context.Context, int, http.Header) error { <-agreed; d.set("second"); return nil }
		release := holdHalf(srv, wants)
		calls := make([]<-chan outcome, 100)
		for i := range calls {
			calls[i] = begin(t.Context(), s, "echo")
		}
		synctest.Wait()
		close(agreed)
		synctest.Wait()
		release()
		for _, call := range calls {
			require.NoError(t, (<-call).err)
		}
		require.Equal(t, 2, d.count(), "one login for connecting, one for all calls")
		require.Equal(t, 100, srv.Executions("echo"))
	})
}

var errDeclined = errors.New("the user declined")

func TestHundredCallsOneRefusal(t *testing.T) {
	eachMode(t, func(t *testing.T, srv *mcptest.Server) {
		d, wants, s := loggedIn(t, srv)
		wants.Store("token", "second")
		agreed := make(chan struct{})
		d.ask = func(context.Context, int, http.Header) error { <-agreed; return errDeclined }
		release := holdHalf(srv, wants)
		calls := make([]<-chan outcome, 100)
		for i := range calls {
			calls[i] = begin(t.Context(), s, "echo")
		}
		synctest.Wait()
		close(agreed)
		synctest.Wait()
		release()
		for _, call := range calls {
			got := <-call
			require.ErrorIs(t, got.err, errDeclined)
			e := failure(t, got.err)
			require.Equal(t, mcpclient.KindAuthRequired, e.Kind)
			require.Equal(t, mcpclient.NotRun, e.Outcome)
			require.Zero(t, got.at)
		}
		require.Equal(t, 2, d.count(), "calls that were made before do not prompt the user again")
		require.Zero(t, srv.Executions("echo"))
	})
}

// loggedIn connects with a token that the server accepts.
func loggedIn(t *testing.T, srv *mcptest.Server) (*doorkeeper, *sync.Map, *mcpclient.Session) {
	t.Helper()
	wants := new(sync.Map)
	wants.Store("token", "first")
	locked(srv, wants)
	d := new(doorkeeper)
	d.ask = func(context.Context, int, http.Header) error { d.set("first"); return nil }
	return d, wants, serve(t, srv, mcpclient.Options{Auth: d})
}

// holdHalf holds back every second refusal of a tool call until release is called.
func holdHalf(srv *mcptest.Server, wants *sync.Map) (release func()) {
	var mu sync.Mutex
	n, open := 0, make(chan struct{})
	srv.SetIntercept(func(w http.ResponseWriter, r *http.Request, _ *mcptest.Message) bool {
		token, _ := wants.Load("token")
		if r.Header.Get("Authorization") == "Bearer "+token.(string) {
			return false
		}
		mu.Lock()
		n++
		hold := n%2 == 0
		mu.Unlock()
		if hold {
			<-open
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	return sync.OnceFunc(func() { close(open) })
}

// A login may take longer than the idle timeout of the call. If a caller gives up, the login
// continues.
func TestLoginPausesTheTimers(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		d, wants, s := loggedIn(t, srv)
		wants.Store("token", "second")
		d.ask = func(ctx context.Context, _ int, _ http.Header) error {
			err := mcptest.Sleep(ctx, 10*time.Minute)
			d.set("second")
			return err
		}
		ctx, cancel := context.WithCancel(t.Context())
		impatient := begin(ctx, s, "echo")
		patient := begin(t.Context(), s, "echo")
		synctest.Wait()
		cancel()
		require.ErrorIs(t, (<-impatient).err, context.Canceled)
		got := <-patient
		require.NoError(t, got.err)
		require.Equal(t, 10*time.Minute, got.at)
		require.Equal(t, 2, d.count())
	})
}

// If the server refuses every token, the client requests three authorizations, and then the call
// fails.
func TestAuthorizationsAreBounded(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		d, _, s := loggedIn(t, srv)
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			if m == nil || !strings.HasPrefix(m.Method, "tools/") {
				return false
			}
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="more"`)
			w.WriteHeader(http.StatusForbidden)
			return true
		})
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindForbidden, failure(t, err).Kind)
		require.Equal(t, 1+3, d.count())
	})
}

func TestAuthorizerThatPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, srv *mcptest.Server) {
		d, wants, s := loggedIn(t, srv)
		wants.Store("token", "second")
		d.ask = func(context.Context, int, http.Header) error { panic("no") }
		_, err := s.CallTool(t.Context(), "echo", nil)
		require.Equal(t, mcpclient.KindAuthRequired, failure(t, err).Kind)
		require.ErrorContains(t, err, "panicked")
		d.ask = func(context.Context, int, http.Header) error { d.set("second"); return nil }
		echoes(t, s)
	})
}

// The time that a user takes to log in does not count against the time limit for retries: if the
// server fails right after the login, the request is retried.
func TestLoginLeavesTheTries(t *testing.T) {
	eachEra(t, func(t *testing.T, srv *mcptest.Server) {
		d, _, s := loggedIn(t, srv)
		refusals := []int{http.StatusUnauthorized, http.StatusServiceUnavailable}
		var mu sync.Mutex
		srv.SetIntercept(func(w http.ResponseWriter, _ *http.Request, m *mcptest.Message) bool {
			mu.Lock()
			defer mu.Unlock()
			if m == nil || m.Method != "tools/list" || len(refusals) == 0 {
				return false
			}
			w.WriteHeader(refusals[0])
			refusals = refusals[1:]
			return true
		})
		d.ask = func(ctx context.Context, _ int, _ http.Header) error { return mcptest.Sleep(ctx, 10*time.Minute) }
		require.Equal(t, []string{"echo"}, listed(t, s))
		require.Equal(t, 2, d.count())
	})
}
