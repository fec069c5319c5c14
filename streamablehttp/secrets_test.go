package streamablehttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

// The secrets of the requests in this file. All contain the word SECRET.
const (
	bearerSecret  = "SECRET/bearer+token=="
	keySecret     = "SECRET-api-key"
	hookSecret    = "SECRET-of-hook"
	requestSecret = "SECRET-of-request"
	querySecret   = "SECRET-of query"
	belowSecret   = "SECRET-of-decorator"
	holderSecret  = "SECRET-of-holder"
	sessionSecret = "SECRET-session-id"
	basicSecret   = "SECRET-password"
)

var allSecrets = []string{
	bearerSecret, keySecret, hookSecret, requestSecret, querySecret, belowSecret, holderSecret, sessionSecret,
}

// decorator is a RoundTripper that adds a header and reports another secret, as package oauth does.
type decorator struct{ base http.RoundTripper }

func (d decorator) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("X-Below", belowSecret)
	resp, err := d.base.RoundTrip(out)
	if err == nil {
		resp.Request = out
	}
	return resp, err
}

func (decorator) RequestSecrets() []string { return []string{holderSecret} }

// callWithSecrets makes a legacy call whose request has all the secrets.
func callWithSecrets(t *testing.T, reply func() *http.Response) error {
	t.Helper()
	c, err := New("http://server/mcp?key=SECRET-of+query", Config{
		RoundTripper: decorator{always(reply)},
		Header:       http.Header{"Authorization": {"Bearer " + bearerSecret}, "X-Api-Key": {keySecret}, "X-Short": {"legacy"}},
		Hook: func(_ context.Context, h http.Header) error {
			h.Set("X-Hook", hookSecret)
			return nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	req := toolCall()
	req.Header = http.Header{"X-Request": {requestSecret}}
	ctx, cancel := context.WithCancelCause(t.Context())
	req.Cancel = cancel
	return c.Call(ctx, c.NewSession("2025-11-25", sessionSecret, false), req, new(heard))
}

// requireMasked checks that no text of err contains a secret, and that at least one was masked.
func requireMasked(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	texts := []string{err.Error()}
	var status *HTTPError
	var violation *ProtocolError
	var answer *RPCError
	if errors.As(err, &status) {
		texts = append(texts, status.Preview)
		if status.RPC != nil {
			texts = append(texts, status.RPC.Message)
		}
	}
	if errors.As(err, &violation) {
		texts = append(texts, violation.Preview, violation.Reason)
	}
	if errors.As(err, &answer) {
		texts = append(texts, answer.Message, answer.Error())
	}
	all := strings.Join(texts, "\n")
	require.NotContains(t, all, "SECRET")
	require.Contains(t, all, "[redacted]")
	require.Contains(t, all, "legacy") // short values are not masked
}

func TestSecretsOfTheRequestAreMasked(t *testing.T) {
	echo := "legacy: " + strings.Join(allSecrets, ", ")
	inJSON := `legacy: SECRET\/bearer\u002btoken== ` + keySecret + ` ` + sessionSecret
	for name, reply := range map[string]func() *http.Response{
		"page":                 func() *http.Response { return text(http.StatusForbidden, "text/html", echo) },
		"page with the query":  func() *http.Response { return text(404, "text/html", "legacy: Cannot POST /mcp?key=SECRET-of+query") },
		"JSON":                 func() *http.Response { return text(http.StatusBadGateway, typeJSON, `{"message":"`+inJSON+`"}`) },
		"event stream":         func() *http.Response { return text(http.StatusBadRequest, typeStream, "data: "+echo+"\n\n") },
		"another content type": func() *http.Response { return text(http.StatusOK, "text/plain", echo) },
		"content type":         func() *http.Response { return text(http.StatusOK, "legacy/"+keySecret, "") },
		"not JSON-RPC":         func() *http.Response { return text(http.StatusOK, typeJSON, echo) },
		"no response":          func() *http.Response { return text(http.StatusOK, typeJSON, `{"jsonrpc":"2.0","method":"`+inJSON+`"}`) },
		"another id": func() *http.Response {
			return text(http.StatusOK, typeJSON, `{"jsonrpc":"2.0","id":"`+inJSON+`","result":{}}`)
		},
		"error":             func() *http.Response { return text(http.StatusOK, typeJSON, rpcErrorText("1", echo)) },
		"error in a status": func() *http.Response { return text(http.StatusBadRequest, typeJSON, rpcErrorText("1", echo)) },
		"error in a 401":    func() *http.Response { return text(http.StatusUnauthorized, typeJSON, rpcErrorText("1", echo)) },
		"error without id":  func() *http.Response { return text(http.StatusOK, typeJSON, rpcErrorText("null", echo)) },
		"error on a stream": func() *http.Response { return stream("data: " + rpcErrorText("1", echo) + "\n\n") },
		"event":             func() *http.Response { return stream("data: {" + echo + "\n\n") },
		"result":            func() *http.Response { return stream(`data: {"jsonrpc":"2.0","id":1,"result":` + echo + "}\n\n") },
		"cut": func() *http.Response {
			return text(http.StatusForbidden, "text/plain", "legacy: "+keySecret+" "+sessionSecret[:10])
		},
		"behind the limit": func() *http.Response {
			return text(http.StatusForbidden, "text/plain", "legacy"+strings.Repeat(" "+sessionSecret, maxErrorBody))
		},
	} {
		t.Run(name, func(t *testing.T) { requireMasked(t, callWithSecrets(t, reply)) })
	}
}

func rpcErrorText(id, message string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":1,"message":"` + message + `","data":"` + keySecret + `"}}`
}

// Data is meant for the program, so it is not masked.
func TestDataIsLeftAsItIs(t *testing.T) {
	err := callWithSecrets(t, func() *http.Response { return text(http.StatusOK, typeJSON, rpcErrorText("1", keySecret)) })
	refused, ok := err.(*RPCError)
	require.True(t, ok, "%T: %v", err, err)
	require.Equal(t, "[redacted]", refused.Message)
	require.Equal(t, `"`+keySecret+`"`, string(refused.Data))
}

func TestSecretsOfBasicCredentialsAndCookies(t *testing.T) {
	for _, echo := range []string{"bWU6U0VDUkVULXBhc3N3b3Jk", basicSecret, "me:" + basicSecret, "SECRET-cookie"} {
		_, err := callOnce(t, always(func() *http.Response { return text(http.StatusForbidden, "text/plain", "bad: "+echo) }), func(cfg *Config) {
			cfg.Header = http.Header{"Authorization": {"Basic bWU6U0VDUkVULXBhc3N3b3Jk"}, "Cookie": {"a=b; id=SECRET-cookie"}}
		})
		require.EqualError(t, err, "HTTP status 403 Forbidden: bad: [redacted]")
	}
}

func TestListenAndNotifyMask(t *testing.T) {
	echo := text(http.StatusForbidden, "text/plain", sessionSecret)
	c := newConn(t, always(func() *http.Response { return echo }))
	s := c.NewSession("2025-11-25", sessionSecret, false)
	require.EqualError(t, c.Listen(t.Context(), s, new(Cursor), new(heard), nil), "HTTP status 403 Forbidden: [redacted]")
	echo = text(http.StatusForbidden, "text/plain", sessionSecret)
	require.EqualError(t, c.Notify(t.Context(), s, toolCall()), "HTTP status 403 Forbidden: [redacted]")
	echo = text(http.StatusForbidden, "text/plain", sessionSecret)
	require.EqualError(t, c.Delete(t.Context(), s), "HTTP status 403 Forbidden: [redacted]")
}

// net/http quotes a header line that it cannot parse.
func TestLinkErrorsMask(t *testing.T) {
	cause := errors.New("cause")
	c := newConn(t, roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("malformed MIME header line: %s: %w", sessionSecret, cause)
	}))
	err := c.do(t.Context(), c.NewSession("2025-11-25", sessionSecret, false), new(heard))
	link := requireCut(t, err)
	require.EqualError(t, link.Err, "malformed MIME header line: [redacted]: cause")
	require.ErrorIs(t, err, cause)
	refusing := newConn(t, roundTripper(func(*http.Request) (*http.Response, error) { return nil, new(transport.Error) }))
	requireCut(t, refusing.do(t.Context(), refusing.legacy(), new(heard)))
	for e := err; e != nil; e = errors.Unwrap(e) {
		require.NotContains(t, e.Error(), "SECRET")
	}
}
