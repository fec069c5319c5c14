package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
	"github.com/hawser-mcp/hawser/tests/conformance/browser"
)

// metadataURL is the client ID that the suite expects from a client with a metadata document.
const metadataURL = "https://conformance-test.local/client-metadata.json"

// authContext is the suite's input for the client in authorization scenarios.
type authContext struct {
	ClientID         string `json:"client_id"`
	ClientSecret     string `json:"client_secret"`
	Issuer           string `json:"issuer"`
	PrivateKey       string `json:"private_key_pem"`
	SigningAlgorithm string `json:"signing_algorithm"`
	IDPClientID      string `json:"idp_client_id"`
	IDPToken         string `json:"idp_id_token"`
	IDPTokenEndpoint string `json:"idp_token_endpoint"`
	ValidJWT         string `json:"valid_jwt"`
}

// authScenarios are the authorization scenarios. If the client must stop, the scenario's refused
// function reports whether it stopped for the right reason.
var authScenarios = map[string]scenario{
	"auth/metadata-default":                     {auth: withLogin, run: callAll},
	"auth/metadata-var1":                        {auth: withLogin, run: callAll},
	"auth/metadata-var2":                        {auth: withLogin, run: callAll},
	"auth/metadata-var3":                        {auth: withLogin, run: callAll},
	"auth/basic-cimd":                           {auth: withDocument, run: callAll},
	"auth/scope-from-www-authenticate":          {auth: withLogin, run: callAll},
	"auth/scope-from-scopes-supported":          {auth: withLogin, run: callAll},
	"auth/scope-omitted-when-undefined":         {auth: withLogin, run: callAll},
	"auth/scope-step-up":                        {auth: withLogin, run: callAll},
	"auth/scope-retry-limit":                    {auth: withLogin, run: callAll, refused: forbidden},
	"auth/token-endpoint-auth-basic":            {auth: withLogin, run: callAll},
	"auth/token-endpoint-auth-post":             {auth: withLogin, run: callAll},
	"auth/token-endpoint-auth-none":             {auth: withLogin, run: callAll},
	"auth/pre-registration":                     {auth: preRegistered, run: callAll},
	"auth/2025-03-26-oauth-metadata-backcompat": {auth: withLogin, run: callAll},
	"auth/2025-03-26-oauth-endpoint-fallback":   {auth: withLogin, run: callAll},
	"auth/resource-mismatch":                    {auth: withLogin, run: callAll, refused: because(oauth.KindMetadata)},
	"auth/offline-access-scope":                 {auth: withLogin, run: callAll},
	"auth/offline-access-not-supported":         {auth: withLogin, run: callAll},
	"auth/authorization-server-migration":       {auth: withLogin, run: callAll},
	"auth/iss-supported":                        {auth: withLogin, run: callAll},
	"auth/iss-not-advertised":                   {auth: withLogin, run: callAll},
	"auth/iss-supported-missing":                {auth: withLogin, run: callAll, refused: because(oauth.KindResponse)},
	"auth/iss-wrong-issuer":                     {auth: withLogin, run: callAll, refused: because(oauth.KindResponse)},
	"auth/iss-unexpected":                       {auth: withLogin, run: callAll, refused: because(oauth.KindResponse)},
	"auth/iss-normalized":                       {auth: withLogin, run: callAll, refused: because(oauth.KindResponse)},
	"auth/metadata-issuer-mismatch":             {auth: withLogin, run: callAll, refused: because(oauth.KindMetadata)},
	"auth/client-credentials-jwt":               {auth: withKey, run: callAll},
	"auth/client-credentials-basic":             {auth: withSecret, run: callAll},
	"auth/enterprise-managed-authorization":     {auth: enterprise, run: callAll},
	"auth/dpop":                                 {auth: withProofs, run: callAll},
	"auth/dpop-nonce":                           {auth: withProofs, run: callAll},
	"auth/wif-jwt-bearer":                       {auth: workload, run: callAll},
}

// authorizer creates the session's authorization. It must not be called for a scenario without
// auth.
func (sc *scenario) authorizer(url string, input []byte) (*oauth.Client, error) {
	var c authContext
	if len(input) > 0 {
		if err := json.Unmarshal(input, &c); err != nil {
			return nil, fmt.Errorf("%w: MCP_CONFORMANCE_CONTEXT: %w", errUsage, err)
		}
	}
	cfg, err := sc.auth(&c)
	if err != nil {
		return nil, err
	}
	return oauth.NewClient(url, cfg)
}

func withLogin(*authContext) (*oauth.Config, error) {
	return &oauth.Config{Login: oauth.LoginFunc(browser.Login)}, nil
}

func withDocument(*authContext) (*oauth.Config, error) {
	return &oauth.Config{Login: oauth.LoginFunc(browser.Login), Registration: oauth.Registration{MetadataURL: metadataURL}}, nil
}

func withProofs(*authContext) (*oauth.Config, error) {
	return &oauth.Config{Login: oauth.LoginFunc(browser.Login), DPoP: oauth.DPoPAlways}, nil
}

func preRegistered(c *authContext) (*oauth.Config, error) {
	return &oauth.Config{Login: oauth.LoginFunc(browser.Login), Registration: oauth.Registration{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret, Issuer: c.Issuer,
	}}, nil
}

func withSecret(c *authContext) (*oauth.Config, error) {
	return &oauth.Config{Grant: oauth.ClientCredentials{}, Registration: oauth.Registration{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret,
	}}, nil
}

func withKey(c *authContext) (*oauth.Config, error) {
	return &oauth.Config{Grant: oauth.ClientCredentials{}, Registration: oauth.Registration{
		ClientID: c.ClientID, Key: &oauth.ClientKey{PEM: []byte(c.PrivateKey), Algorithm: c.SigningAlgorithm},
	}}, nil
}

func enterprise(c *authContext) (*oauth.Config, error) {
	return &oauth.Config{
		Grant: oauth.EnterpriseManaged{
			IDToken:  func(context.Context) (string, error) { return c.IDPToken, nil },
			ClientID: c.IDPClientID, TokenEndpoint: c.IDPTokenEndpoint,
		},
		Registration: oauth.Registration{ClientID: c.ClientID, ClientSecret: c.ClientSecret},
	}, nil
}

func workload(c *authContext) (*oauth.Config, error) {
	return &oauth.Config{Grant: oauth.JWTBearer{
		Assertion: func(context.Context) (string, error) { return c.ValidJWT, nil },
	}}, nil
}

// callAll lists the tools and calls each of them.
func callAll(ctx context.Context, t *trial) error {
	if err := listSome(ctx, t); err != nil {
		return err
	}
	for name := range t.tools {
		if err := t.call(ctx, name, nil); err != nil {
			return err
		}
	}
	return nil
}

// because returns a function that reports whether an error is an oauth error of this kind.
func because(kind oauth.Kind) func(error) bool {
	return func(err error) bool { return oauth.KindOf(err) == kind }
}

// forbidden reports whether the error is the server's final refusal of a scope.
func forbidden(err error) bool {
	var e *mcpclient.Error
	return errors.As(err, &e) && e.Kind == mcpclient.KindForbidden
}
