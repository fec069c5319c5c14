package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-mcp/hawser/internal/httpstatus"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// tokenRequest is a request to a token endpoint.
type tokenRequest struct {
	op       string
	at       *target
	who      *registered // nil means no client authentication
	form     url.Values  // the parameters, except those of client authentication
	key      *dpopKey    // for DPoP proofs; nil without DPoP
	bound    bool        // the token must be bound to key
	endpoint string      // empty means the token endpoint of at.server
}

// tokenReply is the response of a token endpoint (RFC 6749 sections 5.1 and 5.2).
type tokenReply struct {
	Access      string          `json:"access_token"`
	Type        string          `json:"token_type"`
	ExpiresIn   json.RawMessage `json:"expires_in"`
	Refresh     string          `json:"refresh_token"`
	Scope       json.RawMessage `json:"scope"`
	IssuedType  string          `json:"issued_token_type"`
	Error       string          `json:"error"`
	Description string          `json:"error_description"`
}

// Format hides the reply.
func (tokenReply) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

// MarshalJSON hides the reply.
func (tokenReply) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// requestToken sends a token request, checks the response and returns the new token.
func (c *Client) requestToken(ctx context.Context, req *tokenRequest) (*token, error) {
	began := time.Now()
	reply, err := c.postToken(ctx, req)
	if err != nil {
		return nil, err
	}
	r, err := req.accept(reply, began)
	if err != nil {
		return nil, &Error{Kind: KindResponse, Op: req.op, URL: req.url(), Err: err}
	}
	key := req.key
	if r.Type == typeBearer {
		key = nil
	} else {
		r.KeyID = key.thumbprint
	}
	if req.who != nil && c.isDynamic(req.at.server) {
		r.ClientSecret, r.ClientAuth = req.who.secret, req.who.authMethod
	}
	t := newToken(r, key)
	t.own = true
	return t, nil
}

// postToken sends a token request and returns the reply. If the server refuses the client's
// authentication, postToken sends the request a second time with the next advertised method.
func (c *Client) postToken(ctx context.Context, req *tokenRequest) (*tokenReply, error) {
	reply, err := c.postTokenWithNonce(ctx, req)
	if method := c.otherMethod(req, err); method != "" {
		return c.postTokenAgain(ctx, req, method, err)
	}
	return reply, err
}

// postTokenWithNonce sends a token request and returns the reply. It sends the request a second
// time if the server requires a nonce in the DPoP proof (RFC 9449 section 8).
func (c *Client) postTokenWithNonce(ctx context.Context, req *tokenRequest) (*tokenReply, error) {
	reply, retry, err := c.postTokenOnce(ctx, req)
	if retry {
		reply, _, err = c.postTokenOnce(ctx, req)
	}
	return reply, err
}

func (c *Client) postTokenOnce(ctx context.Context, req *tokenRequest) (reply *tokenReply, wantsNonce bool, err error) {
	endpoint, post := req.endpoint, c.fetcher.postFormTrusted
	if endpoint == "" {
		endpoint, post = req.at.server.TokenEndpoint, c.fetcher.postForm
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, false, &Error{Kind: KindMetadata, Op: req.op, URL: req.at.server.from, Err: &DocumentError{
			URL: req.at.server.from, Reason: "invalid token endpoint URL", Wanted: "an https URL", Found: redact.Clean(endpoint, maxHost),
		}}
	}
	form, header := maps.Clone(req.form), make(http.Header)
	if c.cfg.NoResource {
		form.Del("resource")
	}
	if req.who != nil {
		if err := req.who.authenticate(form, header, req.at.server, c.cfg.Registration.Key); err != nil {
			return nil, false, &Error{Kind: KindConfig, Op: req.op, URL: req.url(), Err: err}
		}
	}
	used := ""
	if req.key != nil {
		used = c.nonces.get(u)
		proof, err := req.key.proof(http.MethodPost, u, "", used)
		if err != nil {
			return nil, false, &Error{Kind: KindConfig, Op: req.op, URL: req.url(), Err: err}
		}
		header.Set("DPoP", proof)
	}
	answer, err := post(ctx, endpoint, form, header)
	if err != nil {
		return nil, false, asError(err, req.op, req.url())
	}
	if req.key != nil {
		c.nonces.take(u, answer.header)
	}
	reply, err = readReply(answer, req.op, secretsOf(form, header, req.who))
	if codeOf(err) == "use_dpop_nonce" && req.key != nil && c.nonces.get(u) != used {
		return nil, true, err
	}
	return reply, false, err
}

// readReply reads the response of a token endpoint. secrets are the secrets in the request.
// readReply masks them in the returned error, because a server may repeat them in its response.
func readReply(answer *answer, op string, secrets []string) (*tokenReply, error) {
	reply := new(tokenReply)
	parseErr := decode(answer.body, reply)
	code := redact.Clean(reply.Error, 64)
	failed := &Error{
		Kind: KindRefused, Op: op, URL: answer.url, Status: answer.status, Code: redact.Mask(code, secrets),
		Description: redact.Clean(redact.Mask(reply.Description, secrets), maxDescription),
	}
	ok := answer.status/100 == 2
	switch {
	case httpstatus.Of(answer.status).Transient() ||
		!ok && (code == codeServerError || code == codeUnavailable || code == codeSlowDown):
		failed.Kind, failed.Err = KindNetwork, &statusError{answer.url, answer.status}
	case code == codeInvalidTarget && parseErr == nil:
		failed.Err = errNoResource
	case code != "" && parseErr == nil:
	case !ok:
		failed.Kind, failed.Err = KindResponse, fmt.Errorf("%w without an OAuth error code", &statusError{answer.url, answer.status})
	case parseErr != nil:
		failed.Kind, failed.Err = KindResponse, unreadable(answer, parseErr)
	default:
		return reply, nil
	}
	return nil, failed
}

// Error codes that the client acts on (RFC 6749 sections 4.1.2.1 and 5.2).
const (
	codeInvalidClient      = "invalid_client"
	codeInvalidGrant       = "invalid_grant"
	codeInvalidRequest     = "invalid_request"
	codeInvalidScope       = "invalid_scope"
	codeInvalidTarget      = "invalid_target" // refuses the resource parameter (RFC 8707 section 2)
	codeServerError        = "server_error"
	codeSlowDown           = "slow_down"
	codeUnauthorizedClient = "unauthorized_client"
	codeUnavailable        = "temporarily_unavailable"
)

var errNoResource = errors.New("the server may not accept the resource parameter (see Config.NoResource)")

// secretsOf returns the secrets in the form and the header of a token request. It includes the
// client secret if it was encoded into the Authorization header.
func secretsOf(form url.Values, header http.Header, who *registered) []string {
	var secrets []string
	for name, values := range form {
		if !slices.Contains(publicParameters, name) {
			secrets = append(secrets, values...)
		}
	}
	secrets = append(secrets, header.Values("DPoP")...)
	if _, credentials, ok := strings.Cut(header.Get("Authorization"), " "); ok {
		secrets = append(secrets, credentials, who.secret, url.QueryEscape(who.secret))
	}
	return secrets
}

// publicParameters are the parameters of token requests that are not secret.
var publicParameters = []string{
	"grant_type", "resource", "scope", "client_id", "redirect_uri", "audience", "client_assertion_type",
	"requested_token_type", "subject_token_type",
}

const maxLifetime = 10 * 365 * 24 * time.Hour // the maximum lifetime of a token; a longer one is a server's mistake

// accept checks a reply and returns its token as a record. The token's lifetime counts from began,
// when the request was sent, because the server cannot have issued the token earlier.
func (req *tokenRequest) accept(reply *tokenReply, began time.Time) (tokenRecord, error) {
	r := tokenRecord{
		Access: reply.Access, Refresh: reply.Refresh, Obtained: began.Round(0),
		Requested: req.at.scopes, Resource: req.at.resource, Issuer: req.at.server.Issuer,
		Guessed: req.at.server.Guessed,
	}
	if req.who != nil {
		r.ClientID = req.who.clientID
	}
	switch {
	case !isVisible(r.Access):
		return r, req.wrong("missing or invalid access token", "visible ASCII characters", fmt.Sprintf("%d bytes", len(r.Access)))
	case strings.EqualFold(reply.Type, typeDPoP) && req.key != nil:
		r.Type = typeDPoP
	case req.bound:
		return r, req.wrong("the token is not bound to the DPoP key", typeDPoP, redact.Clean(reply.Type, 32))
	case slices.ContainsFunc(otherSchemes, func(scheme string) bool { return strings.EqualFold(reply.Type, scheme) }):
		return r, req.wrong("unsupported token type", typeBearer, redact.Clean(reply.Type, 32))
	default:
		r.Type = typeBearer // some servers omit the type, or send a word of their own
	}
	r.Granted = readScope(reply.Scope)
	if lifetime := readLifetime(reply.ExpiresIn); lifetime > 0 {
		r.Expiry = r.Obtained.Add(lifetime)
	}
	return r, nil
}

// url returns the token endpoint as errors show it.
func (req *tokenRequest) url() string {
	return shownURL(cmp.Or(req.endpoint, req.at.server.TokenEndpoint))
}

func (req *tokenRequest) wrong(reason, wanted, found string) error {
	return &DocumentError{URL: req.url(), Reason: reason, Wanted: wanted, Found: found}
}

// otherSchemes are token types that must not be sent as a bearer token.
var otherSchemes = []string{typeDPoP, "mac", "pop"}

// readLifetime reads expires_in: seconds as a number or, from some servers, as a string. Everything
// else means unknown, which is zero.
func readLifetime(raw json.RawMessage) time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `" `), 64)
	switch {
	case err != nil || math.IsNaN(seconds) || seconds < 0:
		return 0
	case seconds >= maxLifetime.Seconds():
		return maxLifetime
	}
	return time.Duration(seconds * float64(time.Second))
}

// unreadable says why the reply of a token endpoint is not used.
func unreadable(a *answer, err error) error {
	var wrong *DocumentError
	if !errors.As(err, &wrong) {
		wrong = &DocumentError{Reason: err.Error(), Wanted: "a JSON object", Found: describeBody(a)}
	}
	wrong.URL = a.url
	return wrong
}

// asError returns err unchanged if it wraps an [*Error]. Otherwise err came from the network, and
// asError wraps it as KindNetwork, with the URL of the request.
func asError(err error, op, place string) error {
	var e *Error
	if errors.As(err, &e) {
		return err
	}
	return &Error{Kind: KindNetwork, Op: op, URL: place, Err: err}
}
