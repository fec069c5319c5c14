package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// echo is a resource that repeats the request's token in its error responses.
type echo struct{ status int }

func (e echo) RoundTrip(req *http.Request) (*http.Response, error) {
	token := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	return &http.Response{
		StatusCode: e.status, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"bad token ` + token + `"}}`)),
	}, nil
}

// Errors from the layers above this package mask each token that the client attached, even after
// the token was replaced.
func TestEchoedTokenIsMasked(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError} {
		c, err := NewClient("https://mcp.test/mcp", nil)
		require.NoError(t, err)
		c.loaded.Store(true)
		rt := c.RoundTripper(echo{status})
		conn, err := streamablehttp.New("https://mcp.test/mcp", streamablehttp.Config{RoundTripper: rt})
		require.NoError(t, err)
		c.held.Store(newToken(tokenRecord{Access: "SECRET-access-token", Type: typeBearer}, nil))
		ctx, cancel := context.WithCancelCause(t.Context())
		req := &streamablehttp.Request{ID: 1, Method: "tools/call", Body: []byte(`{}`), Cancel: cancel}
		err = conn.Call(ctx, conn.NewSession("2025-11-25", "", false), req, receiver{})
		require.ErrorContains(t, err, "bad token [redacted]")
		require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), "SECRET")

		c.held.Store(newToken(tokenRecord{Access: "SECRET-newer-token", Type: typeBearer}, nil))
		require.Contains(t, rt.(redact.Holder).RequestSecrets(), "SECRET-access-token")
		conn.Close()
		require.NoError(t, c.Close())
	}
}

// The client remembers a limited number of attached tokens, and remembers each token only once.
func TestAttachedTokens(t *testing.T) {
	var a attached
	var tokens []*token
	for i := range 3 * maxAttached {
		tok := newToken(tokenRecord{Access: fmt.Sprint("token", i)}, nil)
		tokens = append(tokens, tok)
		a.note(tok)
		a.note(tok)
	}
	var want []string
	for _, tok := range tokens[2*maxAttached:] {
		want = append(want, tok.Access)
	}
	require.Equal(t, want, a.secrets())
}

// receiver accepts every message that a call receives, and discards it.
type receiver struct{}

func (receiver) DecodeResult(data []byte) (int, error) { return len(data), nil }
func (receiver) Notification(string, []byte)           {}
func (receiver) Request(string, []byte, []byte) error  { return nil }
func (receiver) Event()                                {}
