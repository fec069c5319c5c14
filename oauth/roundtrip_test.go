package oauth

import (
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

// seen is a RoundTripper that records requests. answer, if it is not nil, returns the response.
type seen struct {
	rt       http.RoundTripper
	requests []*http.Request
	answer   func(*http.Request) (*http.Response, error)
}

func (s *seen) RoundTrip(req *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, req)
	if s.answer != nil {
		return s.answer(req)
	}
	return s.rt.RoundTrip(req)
}

func ok(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

func TestTokenIsSentToOneOriginOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		origin := w.Resource.Origin
		for target, wants := range map[string]bool{
			origin + "/mcp":           true,
			origin + "/other?q=1":     true,
			"HTTP" + origin[4:] + "/": true,
			"https" + origin[4:]:      false,
			"http://127.0.0.1/mcp":    false,
			strings.Replace(origin, "127.0.0.1", "localhost", 1) + "/mcp":  false,
			strings.Replace(origin, "127.0.0.1", "127.0.0.1.evil.test", 1): false,
			origin + "1/mcp":         false,
			w.Server.Issuer + "/mcp": false,
		} {
			base := &seen{answer: ok}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
			require.NoError(t, err)
			_, err = r.client.RoundTripper(base).RoundTrip(req)
			require.NoError(t, err)
			require.Equal(t, wants, base.requests[0].Header.Get("Authorization") != "", target)
			require.Empty(t, req.Header, "the request was changed")
		}
	})
}

func TestRedirectElsewhereCarriesNoToken(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		other := w.NewResource(w.Server)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Resource.Change(func(s *authtest.ResourceScript) { s.Redirect = other.URL })
		resp, err := (&http.Client{Transport: r.rt}).Post(w.Resource.URL, "text/plain", strings.NewReader("hello"))
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		for _, req := range other.Requests() {
			require.Empty(t, req.Header.Get("Authorization"))
		}
		require.Len(t, other.Requests(), 1)
		require.Error(t, r.client.Authorize(t.Context(), other.URL, http.StatusUnauthorized, resp.Header, r.client.held.Load().since.Add(1)))
	})
}

func TestOwnAuthorizationIsLeftAlone(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		r.mustCall()
		before := len(w.Resource.Requests())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Resource.URL, http.NoBody)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Basic eDp5")
		resp, err := r.rt.RoundTrip(req)
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
		require.Len(t, w.Resource.Requests(), before+1)
		require.Equal(t, "Basic eDp5", w.Resource.Requests()[before].Header.Get("Authorization"))
	})
}

// The client keeps a body of known length in memory, so that it can resend the request. A request
// with a streamed body cannot be resent, so its 401 is returned.
func TestResendNeedsTheBodyAgain(t *testing.T) {
	for name, length := range map[string]int64{"known length": 5, "unknown length": -1, "too long to keep": maxReplayBody + 1} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *authtest.World) {
				w.Server.Change(refreshing)
				r := newRig(t, w, nil)
				r.mustCall()
				w.Server.RevokeAll(false)
				text := strings.Repeat("hello", int(max(length, 5))/5+1)
				if length == 5 {
					text = "hello"
				}
				body := io.Reader(strings.NewReader(text))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.Resource.URL, struct{ io.Reader }{body})
				require.NoError(t, err)
				req.ContentLength = length
				if length > 5 {
					req.ContentLength = int64(len(text))
				}
				resp, err := r.rt.RoundTrip(req)
				require.NoError(t, err)
				require.Same(t, req, resp.Request)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				resp.Body.Close()
				if length == 5 {
					require.Equal(t, "hello", string(got))
					return
				}
				require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
				require.Equal(t, "refused\n", string(got))
				r.mustCall() // this call refreshes the token
				require.Equal(t, 1, r.person.times())
			})
		})
	}
}

func TestRunsOnceIsPassedOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		r := newRig(t, w, nil)
		require.True(t, transport.RunsOnce(r.rt), "a Direct runs a request at most once")
		require.False(t, transport.RunsOnce(r.client.RoundTripper(&seen{rt: w.Transport})))
	})
}

// A 401 must not hold its connection while the client obtains a token, because the token request
// may need that connection.
func TestRefusalHoldsNoConnection(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(false)
		open := 0
		base := &seen{answer: func(req *http.Request) (*http.Response, error) {
			if req.URL.Path == "/token" && open > 0 {
				t.Error("the refused response still holds its connection")
			}
			resp, err := w.Transport.RoundTrip(req)
			if err == nil {
				open++
				resp.Body = &closing{resp.Body, func() { open-- }}
			}
			return resp, err
		}}
		r.rt = r.client.RoundTripper(base)
		r.mustCall()
	})
}

type closing struct {
	io.ReadCloser

	closed func()
}

func (c *closing) Close() error {
	if c.closed != nil {
		c.closed()
		c.closed = nil
	}
	return c.ReadCloser.Close()
}

func TestDetachBoundsTheBody(t *testing.T) {
	source := strings.NewReader(strings.Repeat("x", 2*maxRefusedBody))
	long := &http.Response{Body: io.NopCloser(source)}
	detach(long)
	require.Equal(t, maxRefusedBody-1, source.Len(), "the client must read only one byte beyond the limit")
	got, err := io.ReadAll(long.Body)
	require.Error(t, err, "a truncated body must not look complete")
	require.Len(t, got, maxRefusedBody)

	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		defer writer.Close()
		endless := &http.Response{Body: reader}
		detach(endless)
		_, err := io.ReadAll(endless.Body)
		require.Error(t, err)
	})
}

// If the authorization server fails, the user is not prompted. The error says that the request did
// not run, because it was not sent or was refused.
func TestUnavailableServerIsNotSent(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		r.mustCall()
		w.Server.RevokeAll(false)
		w.Server.Change(func(s *authtest.Script) {
			s.Token = func(url.Values) (int, string) { return http.StatusBadGateway, "<html>" }
		})
		_, err := r.send(t.Context())
		var sent *transport.Error
		require.True(t, errors.As(err, &sent), "%v", err)
		require.Equal(t, transport.NotSent, sent.Stage)
		require.False(t, sent.Permanent)
		require.Equal(t, KindNetwork, KindOf(err))
		err = r.client.Authorize(t.Context(), w.Resource.URL, http.StatusUnauthorized, nil, time.Now().Add(1))
		require.Equal(t, KindNetwork, KindOf(err))
		require.Equal(t, 1, r.person.times())

		w.Server.Change(func(s *authtest.Script) { s.Token = nil })
		r.mustCall()
		require.Equal(t, 1, r.person.times(), "the refresh token was kept")
	})
}

// A JSON body that only resembles a JSON-RPC result does not keep the client from renewing the token.
func TestRefusalsThatHoldNoResult(t *testing.T) {
	for body, want := range map[string]bool{
		`{"jsonrpc":"2.0","id":1,"result":{}}`: true, `{"result":"refused"}`: false, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000}}`: false,
		`{"success":false,"result":null}`: false, "": false, "refused": false, `[]`: false,
	} {
		resp := &http.Response{Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
		detach(resp)
		require.Equal(t, want, mayHaveRun(resp), body)
	}
}
