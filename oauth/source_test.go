package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/transport"
)

// tokens is an x/oauth2 token source. It calls token with the number of the call, from 1.
type tokens struct {
	calls atomic.Int32
	token func(n int) (*oauth2.Token, error)
}

func (s *tokens) Token() (*oauth2.Token, error) { return s.token(int(s.calls.Add(1))) }

func (s *tokens) times() int { return int(s.calls.Load()) }

// issued returns a token source whose tokens the world's authorization server issues: each call
// returns another token, valid for an hour.
func issued(w *authtest.World) *tokens {
	w.Server.Change(func(s *authtest.Script) { s.Auth, s.Lifetime = "client_secret_post", time.Hour })
	w.Server.AddClient("service", "secret")
	return &tokens{token: func(int) (*oauth2.Token, error) {
		resp, err := (&http.Client{Transport: w.Transport}).PostForm(w.Server.Issuer+"/token", url.Values{
			"grant_type": {"client_credentials"}, "resource": {w.Resource.URL}, "client_id": {"service"}, "client_secret": {"secret"},
		})
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		reply := oauth2.Token{Expiry: time.Now().Add(time.Hour)}
		return &reply, json.NewDecoder(resp.Body).Decode(&reply)
	}}
}

// always returns the same token.
func always(text string) *tokens {
	return &tokens{token: func(int) (*oauth2.Token, error) { return &oauth2.Token{AccessToken: text}, nil }}
}

// The tokens of a source are attached from the first request on. An expired one is replaced, and so
// is one that was revoked. No authorization server is contacted by the Client.
func TestSourceTokensAreUsed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		src := issued(w)
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		for range 3 {
			r.mustCall()
		}
		require.Equal(t, 1, src.times())
		require.Len(t, w.Resource.Requests(), 3, "no request was sent without a token")

		time.Sleep(2 * time.Hour)
		r.mustCall()
		require.Equal(t, 2, src.times(), "expired")

		w.Server.RevokeAll(true)
		r.mustCall()
		require.Equal(t, 3, src.times(), "revoked")
		require.Len(t, w.Server.Requests(""), 3, "only the source's own requests")
	})
}

// A hundred requests need a token at once: the source is asked once. Then all are refused: it is
// asked once more.
func TestSourceIsAskedOnceForAll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		src := issued(w)
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		for _, err := range r.calls(100) {
			require.NoError(t, err)
		}
		require.Equal(t, 1, src.times())
		w.Server.RevokeAll(true)
		for _, err := range r.calls(100) {
			require.NoError(t, err)
		}
		require.Equal(t, 2, src.times())
	})
}

// A source that has no other token is asked once per refused request. The refusal stands, and the
// error says what to do.
func TestSourceWithoutAnotherToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		src := always("SECRETstale")
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		began := time.Now()
		resp, err := r.send(t.Context())
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Len(t, w.Resource.Requests(), 1, "the same token is not sent again")
		require.Equal(t, 2, src.times())

		err = r.client.Authorize(t.Context(), w.Resource.URL, resp.StatusCode, resp.Header, began)
		require.Equal(t, KindLoginRequired, KindOf(err))
		require.ErrorContains(t, err, "login required: invalid_token: the server refused the token of FromTokenSource: "+
			"it may be expired, revoked or meant for another server; get a new one")
		require.Equal(t, 2, src.times(), "the source was asked after this very refusal")
		require.Empty(t, w.Server.Requests(""), "no authorization server was contacted")
	})
}

// If the server refuses each token of a source, a request is sent twice.
func TestSourceWhoseTokensAreAllRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		src := &tokens{token: func(n int) (*oauth2.Token, error) { return &oauth2.Token{AccessToken: fmt.Sprint("SECRET", n)}, nil }}
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		require.Equal(t, KindLoginRequired, KindOf(r.call(t.Context())))
		require.Len(t, w.Resource.Requests(), 2)
		require.Equal(t, 2, src.times())
	})
}

// Token has no context. A request waits for it no longer than its own context, and the next request
// waits for the same call. Close does not wait.
func TestSourceThatBlocks(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		good := issued(w)
		release := make(chan struct{})
		src := &tokens{token: func(n int) (*oauth2.Token, error) {
			<-release
			return good.token(n)
		}}
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 2)
		go func() { results <- r.call(ctx) }()
		synctest.Wait()
		cancel(cause)
		require.ErrorIs(t, <-results, cause)

		began := time.Now()
		err := r.call(t.Context())
		require.Equal(t, KindLogin, KindOf(err), "%v", err)
		require.ErrorContains(t, err, "the TokenSource does not return")
		require.LessOrEqual(t, time.Since(began), 4*DefaultRequestTimeout)
		require.Equal(t, 1, src.times(), "a call of Token is still running")

		go func() { results <- r.call(t.Context()) }()
		synctest.Wait()
		close(release)
		require.NoError(t, <-results)
		require.Equal(t, 1, src.times())
	})
	inWorld(t, func(t *testing.T, w *authtest.World) {
		release := make(chan struct{})
		src := &tokens{token: func(int) (*oauth2.Token, error) { <-release; return nil, errors.New("late") }}
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		results := make(chan error, 1)
		go func() { results <- r.call(t.Context()) }()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, r.client.Close())
		require.LessOrEqual(t, time.Since(began), closeGrace)
		require.ErrorIs(t, <-results, ErrClosed)
		close(release)
	})
}

// What a source returns is checked, and its errors are typed and hold no secret.
func TestSourceErrors(t *testing.T) {
	response := func(status int) *http.Response {
		return &http.Response{StatusCode: status, Status: http.StatusText(status)}
	}
	for name, c := range map[string]struct {
		token *oauth2.Token
		err   error
		kind  Kind
		text  string
	}{
		"refused": {
			err:  &oauth2.RetrieveError{Response: response(400), ErrorCode: "invalid_grant", ErrorDescription: "SECRETrefresh is used", Body: []byte("SECRET")},
			kind: KindRefused, text: "invalid_grant: [redacted] is used: the token endpoint of the TokenSource refused the request with status 400",
		},
		"refused without a code": {err: &oauth2.RetrieveError{Response: response(401), Body: []byte("SECRET")}, kind: KindRefused, text: "with status 401"},
		"unavailable":            {err: &oauth2.RetrieveError{Response: response(503), Body: []byte("SECRET")}, kind: KindNetwork, text: "with status 503"},
		"no response":            {err: &oauth2.RetrieveError{ErrorCode: "invalid_request"}, kind: KindRefused, text: "invalid_request"},
		"network": {
			err:  fmt.Errorf("oauth2: %w", &url.Error{Op: "Post", URL: "https://auth.test/token?key=SECRET", Err: errors.New("connection refused")}),
			kind: KindNetwork, text: "connection refused",
		},
		"another error":   {err: errors.New("gcloud: not logged in; SECRETaccess expired"), kind: KindLogin, text: "gcloud: not logged in; [redacted] expired"},
		"of this package": {err: fmt.Errorf("source: %w", &Error{Kind: KindDeclined, Op: "log in", Err: ErrDeclined}), kind: KindDeclined, text: "declined"},
		"nothing":         {kind: KindConfig, text: "an empty or malformed token"},
		"empty":           {token: &oauth2.Token{}, kind: KindConfig, text: "an empty or malformed token"},
		"malformed":       {token: &oauth2.Token{AccessToken: "SECRET\r\nX: y"}, kind: KindConfig, text: "an empty or malformed token"},
		"another type":    {token: &oauth2.Token{AccessToken: "SECRET", TokenType: "DPoP"}, kind: KindConfig, text: `type "DPoP", expected Bearer`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				src := &tokens{token: func(n int) (*oauth2.Token, error) {
					if n == 1 {
						return &oauth2.Token{AccessToken: "SECRETaccess", RefreshToken: "SECRETrefresh", Expiry: time.Now().Add(time.Minute)}, nil
					}
					return c.token, c.err
				}}
				r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
				w.Resource.Change(func(s *authtest.ResourceScript) { s.Invalid = http.StatusOK })
				resp, err := r.send(t.Context())
				require.NoError(t, err)
				resp.Body.Close()
				time.Sleep(2 * time.Minute)
				_, err = r.send(t.Context())
				var sent *transport.Error
				require.True(t, errors.As(err, &sent), "%v", err)
				require.Equal(t, transport.NotSent, sent.Stage)
				require.Equal(t, c.kind, KindOf(err), "%v", err)
				require.ErrorContains(t, err, c.text)
				for e := err; e != nil; e = errors.Unwrap(e) {
					require.NotContains(t, fmt.Sprintf("%v %+v %#v", e, e, e), "SECRET")
				}
				var cause *oauth2.RetrieveError
				require.Equal(t, errors.As(c.err, &cause), errors.As(err, &cause))
			})
		})
	}
}

// A 403 with insufficient_scope asks the source once: the user may have widened its token meanwhile.
func TestSourceAndScopes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.Granted = []string{"read"} })
		r := newRig(t, w, &Config{Grant: FromTokenSource(oauth2.ReuseTokenSource(nil, issued(w)))})
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
		err := r.call(t.Context())
		require.ErrorContains(t, err, `insufficient scope: the token of FromTokenSource lacks scopes: the server demands "write"; get a token with them`)
		require.Equal(t, KindScope, KindOf(err))
		require.Len(t, w.Resource.Requests(), 2)

		w.Server.Change(func(s *authtest.Script) { s.Granted = []string{"read", "write"} })
		time.Sleep(2 * time.Hour)
		r.mustCall()
	})
	inWorld(t, func(t *testing.T, w *authtest.World) {
		src := issued(w)
		w.Server.Change(func(s *authtest.Script) { s.Granted = []string{"write"} })
		r := newRig(t, w, &Config{Grant: FromTokenSource(src)})
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "more" })
		require.ErrorContains(t, r.call(t.Context()), "status 403")
		require.Len(t, w.Resource.Requests(), 4, "each authorization may bring another token, three at most")
		w.Server.Change(func(s *authtest.Script) { s.Granted = []string{"more"} })
		r.mustCall()
	})
}

// A static token is sent from the first request on, to the endpoint's origin only.
func TestStaticToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		good, err := issued(w).Token()
		require.NoError(t, err)
		other := w.NewResource(w.Server)
		r := newRig(t, w, &Config{Grant: StaticToken(good.AccessToken)})
		r.mustCall()
		require.NoError(t, r.client.Login(t.Context()))
		status, err := r.client.Status(t.Context())
		require.NoError(t, err)
		require.True(t, status.Authorized)
		require.False(t, status.Refreshable)

		base := &seen{answer: ok}
		for target, wants := range map[string]bool{w.Resource.Origin + "/other": true, other.URL: false, "https" + w.Resource.URL[4:]: false} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
			require.NoError(t, err)
			resp, err := r.client.RoundTripper(base).RoundTrip(req)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, wants, base.requests[len(base.requests)-1].Header.Get("Authorization") != "", target)
		}
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect = other.URL })
		resp, err := (&http.Client{Transport: r.client.LoginRoundTripper(w.Transport)}).Post(w.Resource.URL, "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		resp.Body.Close()
		require.Len(t, other.Requests(), 1)
		require.Empty(t, other.Requests()[0].Header.Get("Authorization"))

		w.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect, s.RefuseAll = "", true })
		_, _, err = (&under{r, &http.Client{Transport: r.client.LoginRoundTripper(w.Transport)}}).post(t.Context())
		requireNotSent(t, err, KindLoginRequired, true)
		require.ErrorContains(t, err, "the server refused the token of StaticToken")
		require.NoError(t, r.client.Logout(t.Context()))
		require.Len(t, w.Server.Requests(""), 1, "only the request for the token")
	})
}

func TestSourceConfig(t *testing.T) {
	for name, cfg := range map[string]*Config{
		"requires a TokenSource":       {Grant: FromTokenSource(nil)},
		"a token without white space":  {Grant: StaticToken("Bearer abc")},
		"StaticToken requires a token": {Grant: StaticToken("")},
		`a final newline`:              {Grant: StaticToken("abc\n")},
		"cannot be bound to its keys":  {Grant: StaticToken("abc"), DPoP: DPoPAlways},
	} {
		_, err := NewClient("https://mcp.example.com/mcp", cfg)
		require.Equal(t, KindConfig, KindOf(err))
		require.ErrorContains(t, err, name)
		require.NotContains(t, err.Error(), "abc")
	}
}

// Two Clients that share a source call it one at a time.
func TestSourceIsSharedByClients(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		var running sync.Mutex
		good := issued(w)
		src := &tokens{token: func(n int) (*oauth2.Token, error) {
			if !running.TryLock() {
				return nil, errors.New("called by two goroutines")
			}
			defer running.Unlock()
			time.Sleep(time.Second)
			return good.token(n)
		}}
		grant := FromTokenSource(src)
		a, b := newRig(t, w, &Config{Grant: grant}), newRig(t, w, &Config{Grant: grant})
		results := make(chan error, 2)
		for _, r := range []*rig{a, b} {
			go func() { results <- r.call(t.Context()) }()
		}
		require.NoError(t, <-results)
		require.NoError(t, <-results)
		require.Equal(t, 1, src.times())
	})
}
