package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

const (
	typeIDJAG    = "urn:ietf:params:oauth:token-type:id-jag"
	typeIDToken  = "urn:ietf:params:oauth:token-type:id_token" //nolint:gosec // a name
	profileIDJAG = "urn:ietf:params:oauth:grant-profile:id-jag"
)

// EnterpriseManaged obtains tokens from the user's login at their organisation's identity provider
// (MCP extension enterprise-managed-authorization). The identity provider exchanges the user's ID
// token for an assertion (ID-JAG, RFC 8693). The resource's authorization server then exchanges the
// assertion for an access token (RFC 7523). Config.Registration identifies this client to the
// authorization server.
type EnterpriseManaged struct {
	// IDToken returns the user's ID token from the identity provider. It is called for each access
	// token, and must return when ctx ends.
	IDToken func(ctx context.Context) (string, error)
	// TokenEndpoint is the identity provider's token endpoint.
	TokenEndpoint string
	// ClientID identifies this client to the identity provider. ClientSecret is empty for a public
	// client. AuthMethod is client_secret_basic (the default) or client_secret_post.
	ClientID, ClientSecret, AuthMethod string
}

func (g EnterpriseManaged) tokenRequest(ctx context.Context, c *Client, at *target) (url.Values, error) {
	if p := at.server.GrantProfiles; len(p) > 0 && !slices.Contains(p, profileIDJAG) {
		return nil, &Error{Kind: KindConfig, Op: "obtain token", URL: at.server.from, Err: &DocumentError{
			URL: at.server.from, Reason: "the authorization server does not support ID-JAG assertions (authorization_grant_profiles_supported)",
			Wanted: profileIDJAG, Found: redact.Clean(strings.Join(p, " "), maxHost),
		}}
	}
	idToken, err := g.IDToken(ctx)
	switch {
	case err != nil:
		return nil, err
	case idToken == "":
		return nil, errors.New("empty token from EnterpriseManaged.IDToken")
	}
	form := url.Values{
		"grant_type":           {"urn:ietf:params:oauth:grant-type:token-exchange"},
		"requested_token_type": {typeIDJAG}, "subject_token": {idToken}, "subject_token_type": {typeIDToken},
		"audience": {at.server.Issuer}, "resource": {at.resource},
	}
	setScope(form, at.scopes)
	req := &tokenRequest{
		op: "exchange ID token", endpoint: g.TokenEndpoint, at: &target{server: &ServerMetadata{}}, form: form,
		who: &registered{clientID: g.ClientID, secret: g.ClientSecret, authMethod: g.AuthMethod},
	}
	reply, err := c.postToken(ctx, req)
	const noIDJAG = "the identity provider did not issue an ID-JAG"
	switch {
	case err != nil:
		return nil, err
	case reply.IssuedType != typeIDJAG:
		err = req.wrong(noIDJAG, typeIDJAG, redact.Clean(reply.IssuedType, maxHost))
	case !isVisible(reply.Access):
		err = req.wrong(noIDJAG, "visible ASCII characters", fmt.Sprintf("%d bytes", len(reply.Access)))
	}
	if err != nil {
		return nil, &Error{Kind: KindResponse, Op: req.op, URL: req.url(), Err: err}
	}
	return url.Values{"grant_type": {grantJWTBearer}, "assertion": {reply.Access}}, nil
}

func (EnterpriseManaged) authenticates() bool { return true }

func (g EnterpriseManaged) check(r *Registration) error {
	if g.IDToken == nil || g.TokenEndpoint == "" || g.ClientID == "" || r.ClientID == "" && r.MetadataURL == "" {
		return errors.New("EnterpriseManaged requires IDToken, TokenEndpoint, ClientID, and a Registration with ClientID or MetadataURL")
	}
	return nil
}

// Format hides the secret.
func (EnterpriseManaged) Format(f fmt.State, _ rune) {
	redact.Write(f, "enterprise-managed grant")
}

// LogValue hides the secret.
func (EnterpriseManaged) LogValue() slog.Value { return slog.StringValue("enterprise-managed grant") }

// MarshalJSON hides the secret.
func (EnterpriseManaged) MarshalJSON() ([]byte, error) {
	return json.Marshal("enterprise-managed grant")
}
