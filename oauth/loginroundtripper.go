package oauth

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/hawser-mcp/hawser/transport"
)

// LoginRoundTripper returns an [http.RoundTripper] that logs in when the resource demands it. It is
// for clients that know nothing of this package, such as other MCP SDKs:
//
//	client := &http.Client{Transport: auth.LoginRoundTripper(nil)}
//
// It does what [Client.RoundTripper] does with base. After a 401, or a 403 with an
// insufficient_scope challenge, it also calls [Client.Authorize] and sends the request again, at
// most three times. Both refusals prove that the request did not run (RFC 9110 section 15.5.2, RFC
// 6750 section 3.1), unless their body holds its result: such a response is returned. Requests that
// are refused at the same time share one login. Each waits for it on its own context.
// [http.Client.Timeout] includes that wait: leave it at 0. Requests to another origin, and requests
// with an Authorization header, pass unchanged and start no login.
//
// If the login fails or the user declines it, RoundTrip returns a [*transport.Error] of stage
// NotSent that wraps an [*Error]. go-sdk and mcp-go then keep their session and show why. GET and
// HEAD requests get the refusal itself, because an error for the event stream would end a session
// of go-sdk. They start no login after one that failed. A DELETE, with which SDKs end a session,
// never starts a login.
//
// A body without GetBody can be sent again if its length is known and at most 1 MiB. With any other
// body, RoundTrip logs in and then returns an error of stage NotSent that is not permanent: the
// caller may send the request again.
//
// MCP sessions use mcpclient.Options.Auth instead: their timeouts do not run during a login.
func (c *Client) LoginRoundTripper(base http.RoundTripper) http.RoundTripper {
	return &loginRoundTripper{c.newRoundTripper(base)}
}

// maxLogins bounds the authorizations for one request.
const maxLogins = 3

var (
	errRefusedAgain = errors.New("the resource still refuses the request after three authorizations")
	errBodySent     = errors.New("the client is authorized now, but the request body cannot be sent twice: send the request again")
)

// loginRoundTripper is a roundTripper that logs in.
type loginRoundTripper struct{ *roundTripper }

// RoundTrip implements http.RoundTripper; see [Client.LoginRoundTripper].
func (t *loginRoundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, own := req.Header["Authorization"]; own || !t.client.covers(req.URL) || req.Method == http.MethodDelete {
		return t.roundTripper.RoundTrip(req)
	}
	body, again, err := bodies(req)
	if err != nil {
		return nil, &transport.Error{Stage: transport.NotSent, Op: "read request body", Err: err}
	}
	for logins := 0; ; logins++ {
		began := time.Now()
		resp, err := t.roundTripper.RoundTrip(withBody(req, body, again))
		if err != nil {
			return nil, err
		}
		resp.Request = req
		if !demandsLogin(resp) {
			return resp, nil
		}
		if detach(resp); mayHaveRun(resp) {
			return resp, nil
		}
		if err := t.authorize(req, resp, began, logins); err != nil {
			if isRead(req) && req.Context().Err() == nil {
				return resp, nil
			}
			return nil, err
		}
		if again == nil {
			return nil, &transport.Error{Stage: transport.NotSent, Op: "send again", Err: errBodySent}
		}
		if body, err = again(); err != nil {
			return nil, &transport.Error{Stage: transport.NotSent, Op: "send again", Err: err}
		}
	}
}

// demandsLogin reports whether a response refuses a request that authorization would allow.
func demandsLogin(resp *http.Response) bool {
	if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
		return false
	}
	_, err := readRefusal(resp.StatusCode, resp.Header)
	return err == nil
}

// authorize obtains the authorization that a refusal demands. logins counts the earlier ones for
// the request.
func (t *loginRoundTripper) authorize(req *http.Request, refusal *http.Response, began time.Time, logins int) error {
	c, ctx := t.client, req.Context()
	if logins == maxLogins {
		return notSent(&Error{Kind: KindScope, Op: "authorize", URL: c.name(), Err: errRefusedAgain})
	}
	if isRead(req) {
		if err := c.known.failure(); err != nil {
			return notSent(err)
		}
	}
	err := c.Authorize(ctx, c.endpoint.String(), refusal.StatusCode, refusal.Header, began)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return transport.Canceled(ctx, transport.NotSent, "authorize")
	}
	return notSent(err)
}

// isRead reports whether a request only reads, as the GET of an event stream does. SDKs repeat such
// requests in the background.
func isRead(req *http.Request) bool {
	return req.Method == "" || req.Method == http.MethodGet || req.Method == http.MethodHead
}

// withBody returns a copy of req with another body.
func withBody(req *http.Request, body io.ReadCloser, again func() (io.ReadCloser, error)) *http.Request {
	out := req.WithContext(req.Context())
	out.Body, out.GetBody = body, nil
	if body != nil && body != http.NoBody {
		out.GetBody = again
	}
	return out
}
