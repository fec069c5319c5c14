package oauth

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/transport"
)

// under is an HTTP client that knows nothing of this package: its Transport is a LoginRoundTripper.
type under struct {
	*rig

	http *http.Client
}

func newUnder(t *testing.T, w *authtest.World, cfg *Config) *under {
	t.Helper()
	r := newRig(t, w, cfg)
	return &under{r, &http.Client{Transport: r.client.LoginRoundTripper(w.Transport)}}
}

// do sends a request to the resource and returns the status and the body of the response.
func (u *under) do(ctx context.Context, method string, body io.Reader) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.Resource.URL, body)
	if err != nil {
		return 0, "", err
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func (u *under) post(ctx context.Context) (int, string, error) {
	return u.do(ctx, http.MethodPost, strings.NewReader("hello"))
}

func (u *under) mustPost() {
	u.t.Helper()
	status, text, err := u.post(u.t.Context())
	require.NoError(u.t, err)
	require.Equal(u.t, http.StatusOK, status)
	require.Equal(u.t, "hello", text)
}

// requireNotSent checks that an error of RoundTrip says that the request did not run, and why.
func requireNotSent(t *testing.T, err error, kind Kind, permanent bool) {
	t.Helper()
	var sent *transport.Error
	require.True(t, errors.As(err, &sent), "%v", err)
	require.Equal(t, transport.NotSent, sent.Stage)
	require.Equal(t, permanent, sent.Permanent, "%v", err)
	require.Equal(t, kind, KindOf(err), "%v", err)
}

// The first request logs in, a request that needs more scopes steps up, and an expired token is
// refreshed. Each request runs once. It is the same directly and through an executor.
func TestLoginRoundTripper(t *testing.T) {
	for name, through := range map[string]func(w *authtest.World) http.RoundTripper{
		"direct":          func(w *authtest.World) http.RoundTripper { return w.Transport },
		"agent":           func(w *authtest.World) http.RoundTripper { return w.Agent(false) },
		"agent, one link": func(w *authtest.World) http.RoundTripper { return w.Agent(true) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(refreshing)
				u := newUnder(t, w, nil)
				u.http.Transport = u.client.LoginRoundTripper(through(w))
				u.mustPost()
				require.Equal(t, 1, u.person.times())

				w.Resource.Change(func(s *authtest.ResourceScript) { s.Need = "write" })
				u.mustPost()
				require.Equal(t, 2, u.person.times(), "a step-up")

				time.Sleep(2 * time.Hour)
				u.mustPost()
				require.Equal(t, 2, u.person.times(), "refreshed without the user")
				require.Equal(t, 3, w.Resource.Served())
			})
		})
	}
}

func TestLoginRoundTripperSharesOneLogin(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		open := make(chan struct{})
		u.person.answer = func(ctx context.Context, flow Flow) error {
			<-open
			return u.person.agree(ctx, flow)
		}
		results := make(chan error, 100)
		for range 100 {
			go func() {
				_, _, err := u.post(t.Context())
				results <- err
			}()
		}
		synctest.Wait()
		close(open)
		for range 100 {
			require.NoError(t, <-results)
		}
		require.Equal(t, 1, u.person.times())
		require.Equal(t, 100, w.Resource.Served())
	})
}

// The context of a request ends its wait for a login. The login continues for the other request.
func TestLoginRoundTripperObeysTheContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		open := make(chan struct{})
		u.person.answer = func(ctx context.Context, flow Flow) error {
			<-open
			return u.person.agree(ctx, flow)
		}
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		results := make(chan error, 2)
		go func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Resource.URL, strings.NewReader("hello"))
			if err == nil {
				_, err = u.http.Transport.RoundTrip(req) //nolint:bodyclose // it fails
			}
			results <- err
		}()
		synctest.Wait()
		go func() {
			_, _, err := u.post(t.Context())
			results <- err
		}()
		synctest.Wait()
		cancel(cause)
		err := <-results
		require.ErrorIs(t, err, cause)
		requireNotSent(t, err, 0, false)
		synctest.Wait()
		require.Empty(t, results, "the other request still waits")
		close(open)
		require.NoError(t, <-results)
		require.Equal(t, 1, u.person.times())
		require.Equal(t, 1, w.Resource.Served())
	})
}

// A POST that cannot be authorized fails with the reason, so that SDKs keep their session and show
// it. The user is not prompted again.
func TestLoginRoundTripperDeclined(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		u.person.answer = func(context.Context, Flow) error { return ErrDeclined }
		for range 3 {
			_, _, err := u.post(t.Context())
			requireNotSent(t, err, KindDeclined, true)
			require.ErrorIs(t, err, ErrDeclined)
		}
		require.Equal(t, 1, u.person.times())
		status, text, err := u.do(t.Context(), http.MethodGet, http.NoBody)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, status, "an error for its event stream would end a session of go-sdk")
		require.Equal(t, "refused\n", text)
		require.Zero(t, w.Resource.Served())
	})
}

// A GET may log in. After a login that failed, only another request starts the next one: SDKs
// repeat the GET of their event stream in the background.
func TestLoginRoundTripperReads(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		u.person.answer = func(context.Context, Flow) error { return errors.New("the browser is closed") }
		for range 3 {
			status, _, err := u.do(t.Context(), http.MethodGet, http.NoBody)
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, status)
			time.Sleep(time.Minute)
		}
		require.Equal(t, 1, u.person.times())
		_, _, err := u.post(t.Context())
		requireNotSent(t, err, KindLogin, false)
		require.Equal(t, 2, u.person.times())

		u.person.answer = nil
		time.Sleep(time.Nanosecond) // a real clock always advances
		u.mustPost()
		w.Server.RevokeAll(true)
		time.Sleep(2 * time.Minute)
		status, _, err := u.do(t.Context(), http.MethodGet, http.NoBody)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, 4, u.person.times())
	})
}

// SDKs end a session with a DELETE. The user is not prompted for it.
func TestLoginRoundTripperDelete(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		status, _, err := u.do(t.Context(), http.MethodDelete, http.NoBody)
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, status)
		require.Zero(t, u.person.times())
	})
}

// A body that was streamed cannot be sent again: the login still takes place, and the error says
// that the request may be sent again.
func TestLoginRoundTripperNeedsTheBodyAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		streamed := func() io.Reader { return struct{ io.Reader }{strings.NewReader("hello")} }
		_, _, err := u.do(t.Context(), http.MethodPost, streamed())
		requireNotSent(t, err, 0, false)
		require.ErrorContains(t, err, "send the request again")
		require.Equal(t, 1, u.person.times())
		require.Zero(t, w.Resource.Served())
		status, text, err := u.do(t.Context(), http.MethodPost, streamed())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, "hello", text)

		closed := false
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Resource.URL, &closing{io.NopCloser(strings.NewReader("hello")), func() { closed = true }})
		require.NoError(t, err)
		req.ContentLength = 5
		w.Server.RevokeAll(true)
		resp, err := u.http.Transport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Same(t, req, resp.Request)
		require.Nil(t, req.GetBody, "the request was changed")
		require.True(t, closed)
		require.Equal(t, 2, u.person.times())
	})
}

// A resource that demands another scope each time gets three logins for one request.
func TestLoginRoundTripperIsBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		u.mustPost()
		base := &seen{answer: func(req *http.Request) (*http.Response, error) {
			resp, err := w.Transport.RoundTrip(req)
			if err == nil && req.URL.String() == w.Resource.URL {
				resp.StatusCode = http.StatusForbidden
				resp.Header.Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="s`+strings.Repeat("s", u.person.times())+`"`)
			}
			return resp, err
		}}
		u.http.Transport = u.client.LoginRoundTripper(base)
		_, _, err := u.post(t.Context())
		requireNotSent(t, err, KindScope, true)
		require.Equal(t, 1+maxLogins, u.person.times())
		_, _, err = u.post(t.Context())
		requireNotSent(t, err, KindScope, true)
	})
}

// Nothing but a refusal that authorization would lift starts a login, and only at the endpoint's
// origin.
func TestLoginRoundTripperLeavesOthersAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		answers := map[string]struct {
			status    int
			challenge string
		}{
			"403 without a challenge": {http.StatusForbidden, ""},
			"403 for another reason":  {http.StatusForbidden, `Bearer error="invalid_request"`},
			"404":                     {http.StatusNotFound, "Bearer"},
			"500":                     {http.StatusInternalServerError, "Bearer"},
		}
		for name, answer := range answers {
			base := &seen{answer: func(req *http.Request) (*http.Response, error) {
				resp, err := ok(req)
				resp.StatusCode, resp.Header = answer.status, http.Header{"Www-Authenticate": {answer.challenge}}
				return resp, err
			}}
			u.http.Transport = u.client.LoginRoundTripper(base)
			status, _, err := u.post(t.Context())
			require.NoError(t, err, name)
			require.Equal(t, answer.status, status, name)
		}

		other := w.NewResource(w.Server)
		u.http.Transport = u.client.LoginRoundTripper(w.Transport)
		resp, err := u.http.Post(other.URL, "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)

		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Resource.URL, strings.NewReader("hello"))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Basic eDp5")
		resp, err = u.http.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Zero(t, u.person.times())
	})
}

// The http.Client follows a redirect to another origin through the same RoundTripper. The token
// does not follow, and that origin's 401 starts no login.
func TestLoginRoundTripperRedirectElsewhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		other := w.NewResource(w.Server)
		u := newUnder(t, w, nil)
		u.mustPost()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect = other.URL })
		status, _, err := u.post(t.Context())
		require.NoError(t, err)
		require.Equal(t, http.StatusUnauthorized, status)
		require.Equal(t, 1, u.person.times())
		for _, req := range other.Requests() {
			require.Empty(t, req.Header.Get("Authorization"))
		}
	})
}

// While the authorization server is down, the request fails as not sent, and the user is not
// prompted.
func TestLoginRoundTripperServerDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		u := newUnder(t, w, nil)
		u.mustPost()
		w.Server.RevokeAll(false)
		w.Server.Change(func(s *authtest.Script) {
			s.Token = func(url.Values) (int, string) { return http.StatusBadGateway, "<html>" }
		})
		_, _, err := u.post(t.Context())
		requireNotSent(t, err, KindNetwork, false)
		require.Equal(t, 1, u.person.times())
		require.True(t, transport.RunsOnce(u.http.Transport))
	})
}

// The body of a refusal holds the result of the request: it ran. It is not sent again, no login
// starts, and no error says that it did not run.
func TestNoResendUnderAnotherSDK(t *testing.T) {
	const body = `{"jsonrpc":"2.0","id":1,"result":{}}`
	inWorld(t, func(t *testing.T, w *authtest.World) {
		u := newUnder(t, w, nil)
		u.mustPost()
		for status, challenge := range map[int]string{401: `Bearer error="invalid_token"`, 403: `Bearer error="insufficient_scope", scope="a"`} {
			w.Resource.Change(func(s *authtest.ResourceScript) {
				s.Handler = http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
					out.Header().Set("WWW-Authenticate", challenge)
					out.Header().Set("Content-Type", "application/json")
					out.WriteHeader(status)
					_, _ = io.WriteString(out, body)
				})
			})
			before := w.Resource.Served()
			got, text, err := u.post(t.Context())
			require.NoError(t, err)
			require.Equal(t, status, got)
			require.Equal(t, body, text)
			require.Equal(t, before+1, w.Resource.Served())
		}
		require.Equal(t, 1, u.person.times())
	})
}
