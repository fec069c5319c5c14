package transport_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
	"github.com/hawser-mcp/hawser/transport/transporttest"
)

type preparer interface {
	Prepare(ctx context.Context) context.Context
}

// preparing sends each request with a body from memory as a prepared request.
type preparing struct {
	transport.Transport

	t testing.TB
}

func (p preparing) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.GetBody == nil || req.Body == http.NoBody {
		return p.Transport.RoundTrip(req)
	}
	ctx := p.Transport.(preparer).Prepare(req.Context())
	require.NotNil(p.t, ctx)
	own := req.WithContext(ctx)
	own.GetBody = nil
	resp, err := p.Transport.RoundTrip(own)
	if resp != nil {
		require.Same(p.t, own, resp.Request)
		resp.Request = req
	}
	return resp, err
}

// Prepared requests are sent without a copy, and the contract holds for them too.
func TestPreparedRequestsKeepTheContract(t *testing.T) {
	direct := func(t *testing.T) http.RoundTripper { return preparing{newDirect(t, nil), t} }
	t.Run("HTTP1", func(t *testing.T) { transporttest.Run(t, transporttest.Config{New: direct}) })
	t.Run("HTTP2", func(t *testing.T) { transporttest.Run(t, transporttest.Config{New: direct, HTTP2: true}) })
}

func prepared(t testing.TB, rt http.RoundTripper, ctx context.Context, url, body string) *http.Request { //nolint:revive // t comes first
	own := rt.(preparer).Prepare(ctx)
	require.NotNil(t, own)
	req, err := http.NewRequestWithContext(own, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.GetBody = nil
	return req
}

// A request that cannot be sent as prepared is sent as a copy: one without a body, and one that was
// prepared for another Direct.
func TestPreparedRequestIsCopiedIfNecessary(t *testing.T) {
	url, _ := newEcho(t, "HTTP1")
	d, other := newDirect(t, nil), newDirect(t, nil)
	req := prepared(t, d, t.Context(), url, "one")
	bodyless := req.Clone(req.Context())
	bodyless.Body, bodyless.ContentLength = nil, 0
	foreign := prepared(t, other, t.Context(), url, "two")
	for _, test := range []struct {
		req  *http.Request
		want string
	}{{bodyless, ""}, {req, "one"}, {foreign, "two"}} {
		resp, err := d.RoundTrip(test.req)
		require.NoError(t, err)
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, test.want, string(got))
		require.Same(t, test.req, resp.Request)
	}
}

// Prepared requests may share their header. Nothing writes into it, over HTTP/1 and HTTP/2.
func TestPreparedRequestsShareTheirHeader(t *testing.T) {
	for _, protocol := range []string{"HTTP1", "HTTP2"} {
		url, _ := newEcho(t, protocol)
		d := newDirect(t, nil)
		shared := http.Header{"Content-Type": {"text/plain"}, "Idempotency-Key": {"k"}, "Accept-Encoding": {"gzip"}}
		before := shared.Clone()
		var group sync.WaitGroup
		for range 32 {
			group.Go(func() {
				for range 20 {
					req := prepared(t, d, t.Context(), url, "text")
					req.Header = shared
					resp, err := d.RoundTrip(req)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
			})
		}
		group.Wait()
		require.Equal(t, before, shared)
	}
}

// Requests are not prepared if the user's code would see them, or if their connections are guarded.
func TestPrepareRefuses(t *testing.T) {
	custom := newDirect(t, &transport.DirectOptions{Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
	require.Nil(t, custom.(preparer).Prepare(t.Context()))
	guarded := transport.WithDialGuard(t.Context(), func(netip.AddrPort) error { return nil })
	require.Nil(t, newDirect(t, nil).(preparer).Prepare(guarded))
}

// The values, the deadline and the end of the caller's context reach the dial and the server.
func TestPreparedContextIsTheCallers(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	type key struct{}
	cause := io.ErrClosedPipe
	ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "value"))
	d := newDirect(t, nil)
	req := prepared(t, d, ctx, srv.URL, "text")
	require.Equal(t, "value", req.Context().Value(key{}))
	require.Equal(t, ctx.Done(), req.Context().Done())
	failed := make(chan error)
	go func() {
		_, err := d.RoundTrip(req)
		failed <- err
	}()
	cancel(cause)
	err := <-failed
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, req.Context().Err(), ctx.Err())
}
