package oauth

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
	"github.com/hawser-mcp/hawser/internal/memnet"
	"github.com/hawser-mcp/hawser/internal/release"
	"github.com/hawser-mcp/hawser/transport"
)

// web is a RoundTripper that passes requests to handler, whatever their origin, and records them.
type web struct {
	handler http.HandlerFunc
	asked   []string // "GET https://…"
	headers []http.Header
}

func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	w.asked = append(w.asked, req.Method+" "+req.URL.String())
	w.headers = append(w.headers, req.Header)
	recorder := httptest.NewRecorder()
	w.handler(recorder, req)
	return recorder.Result(), nil
}

// pages serves JSON texts by URL. If a text is a number, it serves a response with that status.
func pages(texts map[string]string) *web {
	return &web{handler: func(w http.ResponseWriter, r *http.Request) {
		text, ok := texts[r.URL.String()]
		status, err := strconv.Atoi(text)
		switch {
		case !ok:
			http.NotFound(w, r)
		case err == nil:
			w.WriteHeader(status)
		default:
			_, _ = io.WriteString(w, text)
		}
	}}
}

func newFetcher(t *testing.T, endpoint string, rt http.RoundTripper) *fetcher {
	t.Helper()
	return &fetcher{transport: func() http.RoundTripper { return rt }, timeout: DefaultRequestTimeout, egress: egressOf(t, endpoint, &Config{})}
}

// The client refuses invalid documents. Each error has a specific type, and its text contains no
// secret from the document.
func TestDocumentsAreRefused(t *testing.T) {
	serve := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    any
		kind    Kind
	}{
		"10 MB":              {serve(`{"issuer":"` + strings.Repeat("x", 10<<20) + `"}`), new(*LimitError), KindMetadata},
		"10 MB of space":     {serve(strings.Repeat(" ", 10<<20)), new(*LimitError), KindMetadata},
		"just too long":      {serve(`{}` + strings.Repeat(" ", maxDocument-1)), new(*LimitError), KindMetadata},
		"deep":               {serve(`{"x":` + strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting) + `}`), new(*LimitError), KindMetadata},
		"deep, cut":          {serve(`{"x":` + strings.Repeat(`{"x":[`, 20_000)), new(*LimitError), KindMetadata},
		"HTML":               {serve(`<html>`), new(*DocumentError), KindMetadata},
		"empty":              {serve(``), new(*DocumentError), KindMetadata},
		"an array":           {serve(`[{"issuer":"x"}]`), new(*DocumentError), KindMetadata},
		"null":               {serve(`null`), new(*DocumentError), KindMetadata},
		"cut":                {serve(`{"issuer":"x"`), new(*DocumentError), KindMetadata},
		"two":                {serve(`{"issuer":"x"}{}`), new(*DocumentError), KindMetadata},
		"issuer is a number": {serve(`{"issuer":7}`), new(*DocumentError), KindMetadata},
		"iss flag is a text": {serve(`{"scopes_supported":"a b","authorization_response_iss_parameter_supported":"true"}`), new(*DocumentError), KindMetadata},
		"204":                {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, new(*statusError), KindMetadata},
		"404":                {http.NotFound, new(*statusError), KindMetadata},
		"429":                {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, new(*statusError), KindNetwork},
		"503":                {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, new(*statusError), KindNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFetcher(t, publicEndpoint, &web{handler: c.handler})
			err := f.getJSON(t.Context(), "get", "https://as.example.com/x?q=SECRET", nil, new(ServerMetadata))
			require.ErrorAs(t, err, c.want)
			require.Equal(t, c.kind, KindOf(err))
			require.NotContains(t, err.Error(), "SECRET")
		})
	}
	good := `{"issuer":"i","unknown":` + strings.Repeat("[", maxNesting-1) + `"]]["` + strings.Repeat("]", maxNesting-1) + `}`
	m := new(ServerMetadata)
	f := newFetcher(t, publicEndpoint, &web{handler: serve(good + strings.Repeat(" ", maxDocument-len(good)))})
	require.NoError(t, f.getJSON(t.Context(), "get", "https://as.example.com/", nil, m))
	require.Equal(t, "i", m.Issuer)
}

func TestRedirects(t *testing.T) {
	for name, c := range map[string]struct {
		to    func(n int) string
		asked int
		want  any // the expected type of the error; nil if the redirect is followed
	}{
		"same origin":     {func(n int) string { return []string{"/a", "b?c=d", "HTTPS://AS.example.com:443/d"}[n-1] }, 4, nil},
		"loop":            {func(int) string { return "/x" }, 4, new(*RedirectError)},
		"other host":      {func(int) string { return "https://other.example.com/x?SECRET" }, 1, new(*RedirectError)},
		"subdomain":       {func(int) string { return "https://www.as.example.com/x" }, 1, new(*RedirectError)},
		"other port":      {func(int) string { return "https://as.example.com:444/x" }, 1, new(*RedirectError)},
		"http":            {func(int) string { return "http://as.example.com/x" }, 1, new(*RedirectError)},
		"inside":          {func(int) string { return "https://169.254.169.254/x" }, 1, new(*RedirectError)},
		"without scheme":  {func(int) string { return "//127.0.0.1/x" }, 1, new(*RedirectError)},
		"file":            {func(int) string { return "file:///etc/passwd" }, 1, new(*RedirectError)},
		"nowhere":         {func(int) string { return "" }, 1, new(*RedirectError)},
		"no URL":          {func(int) string { return "https://a b/%" }, 1, new(*RedirectError)},
		"user name":       {func(int) string { return "https://SECRET:x@as.example.com/x" }, 1, new(*URLError)},
		"with a fragment": {func(int) string { return "/x#y" }, 1, new(*URLError)},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			w := &web{handler: func(w http.ResponseWriter, _ *http.Request) {
				if n++; c.want == nil && n == c.asked {
					_, _ = io.WriteString(w, "{}")
					return
				}
				w.Header().Set("Location", c.to(n))
				w.WriteHeader([]int{301, 302, 303, 307, 308}[n%5])
			}}
			err := newFetcher(t, publicEndpoint, w).getJSON(t.Context(), "get", "https://as.example.com/x", nil, new(ServerMetadata))
			require.Len(t, w.asked, c.asked)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorAs(t, err, c.want)
			require.Equal(t, KindMetadata, KindOf(err))
			require.NotContains(t, err.Error(), "SECRET")
		})
	}
}

// The client stops reading a document as soon as it exceeds the limit.
func TestLongDocumentIsNotReadOn(t *testing.T) {
	source := strings.NewReader(strings.Repeat(" ", 2*maxDocument))
	rt := &seen{answer: func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(source)}, nil
	}}
	err := newFetcher(t, publicEndpoint, rt).getJSON(t.Context(), "get", "https://as.example.com/", nil, new(ServerMetadata))
	require.ErrorAs(t, err, new(*LimitError))
	require.Equal(t, maxDocument-1, source.Len(), "the client must read only one byte beyond the limit")
}

// The client never follows a redirect of a POST, because the body contains secrets.
func TestPostIsNotRedirected(t *testing.T) {
	for _, location := range []string{"/token2", "https://evil.example.com/", ""} {
		w := &web{handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}}
		_, err := newFetcher(t, publicEndpoint, w).postForm(t.Context(), "https://as.example.com/token", url.Values{"code": {"SECRET"}}, nil)
		require.ErrorAs(t, err, new(*RedirectError))
		require.NotContains(t, err.Error(), "SECRET")
		require.Len(t, w.asked, 1)
	}
	w := pages(nil)
	f := newFetcher(t, publicEndpoint, w)
	for _, forbidden := range []string{"http://as.example.com/token", "https://10.0.0.1/token", "file:///x", "https://u:SECRET@as.example.com/"} {
		_, err := f.postForm(t.Context(), forbidden, nil, nil)
		require.ErrorAs(t, err, new(*URLError))
		require.NotContains(t, err.Error(), "SECRET")
		_, err = f.postJSON(t.Context(), "register", forbidden, nil)
		require.ErrorAs(t, err, new(*URLError))
	}
	require.Empty(t, w.asked)
	_, err := f.postFormTrusted(t.Context(), "https://10.0.0.1/token", nil, nil)
	require.NoError(t, err, "a configured URL may lead anywhere")
	_, err = f.postFormTrusted(t.Context(), "http://idp.example.com/token", nil, nil)
	require.Equal(t, KindConfig, KindOf(err))
}

func TestPostSendsWhatItShould(t *testing.T) {
	w := &web{handler: func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("DPoP-Nonce", "n")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(body)
	}}
	header := http.Header{"Dpop": {"proof"}}
	a, err := newFetcher(t, publicEndpoint, w).postForm(t.Context(), "https://as.example.com/token", url.Values{"a": {"b c"}}, header)
	require.NoError(t, err)
	require.Equal(t, "a=b+c", string(a.body))
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Equal(t, "n", a.header.Get("DPoP-Nonce"))
	require.Equal(t, http.Header{
		"Dpop": {"proof"}, "Accept": {"application/json"}, "Content-Type": {"application/x-www-form-urlencoded"}, "User-Agent": {release.UserAgent},
	}, w.headers[0])
	require.Equal(t, http.Header{"Dpop": {"proof"}}, header, "the caller's header is not changed")
}

// A server that sends its response very slowly delays the caller by at most RequestTimeout.
func TestSlowLoris(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		gone := make(chan struct{})
		origin := w.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(gone)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}))
		f := newFetcher(t, loopbackEndpoint, w.Transport)
		began := time.Now()
		err := f.getJSON(t.Context(), "get", origin, nil, new(ServerMetadata))
		require.ErrorIs(t, err, errTooSlow)
		require.Equal(t, KindNetwork, KindOf(err))
		require.Equal(t, DefaultRequestTimeout, time.Since(began))
		<-gone
	})
}

// RequestTimeout limits the total time of a request and its redirects.
func TestSlowRedirects(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		origin := w.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(DefaultRequestTimeout * 2 / 3):
			case <-r.Context().Done():
			}
			http.Redirect(w, r, "/again", http.StatusFound)
		}))
		began := time.Now()
		err := newFetcher(t, loopbackEndpoint, w.Transport).getJSON(t.Context(), "get", origin, nil, new(ServerMetadata))
		require.ErrorIs(t, err, errTooSlow)
		require.Equal(t, DefaultRequestTimeout, time.Since(began))
	})
}

// DNS rebinding: a name first resolves to a public address and later to a private one. The client
// does not connect to the private address.
func TestRebinding(t *testing.T) {
	network := memnet.New()
	for _, inside := range []string{"10.0.0.1:443", "127.0.0.1:443", "169.254.169.254:443", "[fd12::1]:443"} {
		listener := network.Listen(inside)
		direct := transport.NewDirect(&transport.DirectOptions{NoProxy: true, DialContext: func(ctx context.Context, n, _ string) (net.Conn, error) {
			return network.DialContext(ctx, n, inside)
		}})
		f := newFetcher(t, publicEndpoint, direct)
		for _, err := range []error{
			f.getJSON(t.Context(), "get", "https://as.example.com/", nil, new(ServerMetadata)),
			second(f.postForm(t.Context(), "https://as.example.com/", url.Values{"code": {"SECRET"}}, nil)),
		} {
			var refused *URLError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, "as.example.com", refused.Host)
			require.Equal(t, KindMetadata, KindOf(err))
		}
		require.NoError(t, direct.Close())
		require.NoError(t, listener.Close())
	}
}

func second(_ *answer, err error) error { return err }

// A user's RoundTripper may put the whole URL into its error. The client removes it.
func TestErrorsHoldNoQuery(t *testing.T) {
	cause := errors.New("refused")
	rt := failing{&url.Error{Op: "Get", URL: "https://as.example.com/?SECRET", Err: cause}}
	err := newFetcher(t, publicEndpoint, rt).getJSON(t.Context(), "get", "https://as.example.com/?SECRET", nil, new(ServerMetadata))
	require.ErrorIs(t, err, cause)
	require.Equal(t, KindNetwork, KindOf(err))
	require.NotContains(t, err.Error(), "SECRET")

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	err = newFetcher(t, publicEndpoint, failing{errors.New("canceled")}).getJSON(ctx, "get", "https://as.example.com/", nil, new(ServerMetadata))
	require.ErrorIs(t, err, cause)
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// Optional members of a wrong type are ignored. Members that the client needs, or that protect it,
// are not: the error names the member, what it is and what it must be.
func TestMembersOfAWrongType(t *testing.T) {
	for text, out := range map[string]decodable{
		`{"issuer":"i","scopes_supported":"a b","grant_types_supported":{},"client_id_metadata_document_supported":"yes"}`: new(ServerMetadata),
		`{"resource":"i","scopes_supported":[7],"resource_name":{},"bearer_methods_supported":"header"}`:                   new(ResourceMetadata),
		`{"client_id":"i","client_secret_expires_at":"never","redirect_uris":"x"}`:                                         new(registration),
		"\ufeff" + `{"access_token":"i","token_type":7,"expires_in":{},"scope":["a"]}`:                                     new(tokenReply),
	} {
		require.NoError(t, decode([]byte(text), out), text)
	}
	for text, c := range map[string]struct {
		out    decodable
		member string
	}{
		`{"resource":7}`: {new(ResourceMetadata), "resource"}, `{"authorization_servers":"https://as.example"}`: {new(ResourceMetadata), "authorization_servers"},
		`{"scopes_supported":7,"dpop_bound_access_tokens_required":"true"}`:              {new(ResourceMetadata), "dpop_bound_access_tokens_required"},
		`{"authorization_response_iss_parameter_supported":1,"scopes_supported":"a"}`:    {new(ServerMetadata), "authorization_response_iss_parameter_supported"},
		`{"Authorization_Response_Iss_Parameter_Supported":"true","issuer":"https://x"}`: {new(ServerMetadata), "authorization_response_iss_parameter_supported"},
		`{"client_id":5}`: {new(registration), "client_id"}, `{"access_token":{}}`: {new(tokenReply), "access_token"},
	} {
		var wrong *DocumentError
		require.ErrorAs(t, decode([]byte(text), c.out), &wrong, text)
		require.Equal(t, c.member+" has the wrong type", wrong.Reason)
		require.NotEmpty(t, wrong.Found)
		require.NotEmpty(t, wrong.Wanted)
	}
	require.ErrorIs(t, decode([]byte(`[]`), new(tokenReply)), errNoJSON)
	require.Equal(t, []string{"a", "b"}, readScope([]byte(`"a b"`)))
	require.Equal(t, []string{"a", "b"}, readScope([]byte(`["a","b"]`)))
	require.Equal(t, []string{}, readScope([]byte(`""`)))
	require.Nil(t, readScope([]byte(`7`)))
	require.Nil(t, readScope(nil))
}
