package field

import (
	"context"
	"fmt"
	"strings"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/oauth"
)

// serves serves the metadata of the resource and of its authorization server.
func serves(resource, server string) Script {
	return all(always(metadataPath, message(resource)), always(serverPath, message(server)))
}

// challenges replaces the challenge of the honest server with one challenge per value.
func challenges(values ...string) Script {
	return always("POST", when(func(x *Exchange) bool { return !x.server.authorized(x) }, func(x *Exchange) bool {
		for _, value := range values {
			x.w.Header().Add("Www-Authenticate", x.expand(value))
		}
		return status(401)(x)
	}))
}

// tokens returns one script per answer to the token request.
func tokens(answers ...string) []Script {
	scripts := make([]Script, len(answers))
	for i, answer := range answers {
		scripts[i] = always("/token", message(answer))
	}
	return scripts
}

// needsLogin is the expected error of Connect if the login fails.
func needsLogin(says ...string) Want { return refused(mcpclient.KindAuthRequired, says...) }

// twoCalls makes a call, revokes the token, and returns the result of a second call.
func twoCalls(ctx context.Context, p *Play) (string, error) {
	if _, err := call(ctx, p); err != nil {
		return "", fmt.Errorf("the first call: %w", err)
	}
	p.Server.revoke()
	return call(ctx, p)
}

var authorization = []Quirk{
	{
		ID: "A0", Kind: Authorization, Sends: "the server follows the specification",
		Sources: []string{"2026-07-28, Authorization"},
		Scripts: one(all()), Want: works(),
	},
	{
		ID: "A1", Kind: Authorization, Sends: "the issuer ends in a slash in one document but not in the other",
		Sources: []string{"modelcontextprotocol/python-sdk#1919", "opencode#50036"},
		Scripts: []Script{serves(goodResource, serverMetadata("$BASE/", pkce)), serves(`{"resource":"$BASE/mcp","authorization_servers":["$BASE/"]}`, goodServer)},
		Want:    works(),
	},
	{
		ID: "A2", Kind: Authorization, Sends: "only tools/call requires a token (401)",
		Sources: []string{"dify#36230", "mcp-remote#286"},
		Scripts: one(onlyCalls), Want: works().calls(2), CLI: complains("call $URL t", "hawser login http://127.0.0.1/mcp"),
	},
	{
		ID: "A2b", Kind: Authorization, Sends: "only tools/call requires a token, and only its challenge names the resource metadata",
		Sources: []string{"dify#36230", "mcp-remote#286"},
		Scripts: one(all(onlyCalls, secondChallenge(`Bearer resource_metadata="$BASE/prm"`), always(serverPath, status(404)), always(openIDPath, message(goodServer)))),
		Want:    works().calls(2), CLI: complains("call $URL t", "hawser login http://127.0.0.1/mcp --resource-metadata http://127.0.0.1/prm"),
	},
	{
		ID: "A3", Kind: Authorization, Sends: "the authorization server has forgotten the client and never redirects back",
		Sources: []string{"anthropics/claude-code#84614", "supabase/mcp#355"},
		Scripts: one(on("/authorize", honest), always("/authorize", when(func(x *Exchange) bool {
			return form("client_id", "c1")(x) && x.server.Count("/authorize") > 1
		}, page(400, "unknown client"))), always("/token", when(form("grant_type", "refresh_token"), object(400, `{"error":"invalid_grant"}`)))),
		Do: func(ctx context.Context, p *Play) (string, error) {
			_, _ = twoCalls(ctx, p) // the login times out
			return call(ctx, p)
		},
		Want: works().note("the login times out; the next login registers a new client and works"),
	},
	{
		ID: "A4", Kind: Authorization, Sends: "the authorization server refuses the parameter resource with invalid_target",
		Sources: []string{"mcp-remote#217", "anthropics/claude-code#73460"},
		Scripts: one(always("/token", when(func(x *Exchange) bool { return x.form().Has("resource") }, object(400, `{"error":"invalid_target"}`)))),
		Want:    needsLogin("invalid_target", "resource"),
	},
	{
		ID: "A5", Kind: Authorization, Sends: "the authorization server refuses scopes if the client registered without any",
		Sources: []string{"NyxID#1217"},
		Scripts: one(always(metadataPath, message(`{"resource":"$BASE/mcp","authorization_servers":["$BASE"],"scopes_supported":["a"]}`)),
			always("/register", when(not(says(`"scope"`)), object(201, `{"client_id":"unscoped"}`))),
			always("/authorize", when(form("client_id", "unscoped"), callback("error=invalid_scope")))),
		Want: works(),
	},
	{
		ID: "A6", Kind: Authorization, Sends: "resource_metadata in the challenge leads to 404, is relative, or names an unreachable host",
		Sources: []string{"agentgateway/agentgateway#545", "tuist/tuist#9663"},
		Scripts: []Script{challenges(`Bearer resource_metadata="$BASE/nothing"`), challenges(`Bearer resource_metadata="` + metadataPath + `"`), challenges(`Bearer resource_metadata="http://10.0.0.7/x"`)},
		Want:    works(),
	},
	{
		ID: "A7", Kind: Authorization, Sends: "only the OpenID document advertises PKCE",
		Sources: []string{"modelcontextprotocol/csharp-sdk#1700"},
		Scripts: one(serves(goodResource, serverMetadata("$BASE", "")), always(openIDPath, message(goodServer))), Want: works(),
	},
	{
		ID: "A8b", Kind: Authorization, Sends: "the authorization page requires a parameter that only this provider has",
		Sources: []string{"Google's authorization server"},
		Scripts: one(always("/authorize", when(not(form("access_type", "offline")), page(400, "access_type")))),
		OAuth:   func(c *oauth.Config, _ *Play) { c.AuthParams = map[string]string{"access_type": "offline"} }, Want: works(),
	},
	{
		ID: "A9", Kind: Authorization, Sends: "the authorization server advertises client_secret_basic but refuses it",
		Sources: []string{"PrefectHQ/fastmcp#4600", "archestra-ai/archestra#7977"},
		Scripts: one(serves(goodResource, serverMetadata("$BASE", pkce+`,"token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"]`)),
			always("/register", object(201, `{"client_id":"c","client_secret":"s"}`)),
			always("/token", when(func(x *Exchange) bool { return !x.form().Has("client_id") }, object(401, `{"error":"invalid_client","error_description":"Missing client_id"}`)))),
		Want: works(),
	},
	{
		ID: "A10", Kind: Authorization, Sends: "a call is answered with 403 and error=\"invalid_token\"",
		Sources: []string{"servers that mix up 401 and 403"},
		Scripts: one(on("tools/call", with("Www-Authenticate", `Bearer error="invalid_token"`, status(403)))), Want: works().calls(2),
	},
	{
		ID: "A11", Kind: Authorization, Sends: "optional members of the metadata have the wrong type",
		Sources: []string{"hand-written authorization servers"},
		Scripts: []Script{
			serves(`{"resource":"$BASE/mcp","authorization_servers":["$BASE"],"scopes_supported":"a b"}`, goodServer),
			serves(goodResource, serverMetadata("$BASE", pkce+`,"scopes_supported":"a","grant_types_supported":"authorization_code"`)),
			serves(goodResource, serverMetadata("$BASE", pkce+`,"client_id_metadata_document_supported":"true","jwks_uri":null,"token_endpoint_auth_methods_supported":null`)),
		},
		Want: works(),
	},
	{
		ID: "A11b", Kind: Authorization, Sends: "optional members of the token response have the wrong type, or token_type is missing",
		Sources: []string{"hand-written authorization servers"},
		Scripts: tokens(`{"access_token":"$TOKEN","token_type":"Bearer","expires_in":"3600"}`, `{"access_token":"$TOKEN","token_type":"Bearer","expires_in":-1}`,
			`{"access_token":"$TOKEN","token_type":"Bearer","scope":["a"]}`, `{"access_token":"$TOKEN","token_type":"Bearer","expires_in":null,"refresh_token":null,"scope":null}`,
			`{"access_token":"$TOKEN"}`),
		Want: works(),
	},
	{
		ID: "A11c", Kind: Authorization, Sends: "optional members of the registration response have the wrong type",
		Sources: []string{"hand-written authorization servers"},
		Scripts: []Script{always("/register", object(201, `{"client_id":"c","client_secret":"s","client_secret_expires_at":"0"}`)),
			always("/register", object(201, `{"client_id":"c","client_secret":null,"client_secret_expires_at":null,"scope":null,"token_endpoint_auth_method":null,"redirect_uris":null}`)),
			always("/register", object(200, `{"client_id":"c","client_id_issued_at":"2026-01-01T00:00:00Z"}`))},
		Want: works(),
	},
	{
		ID: "A12", Kind: Authorization, Sends: "the registration response has the loopback redirect URI without its port, or with an upper-case scheme",
		Sources: []string{"RFC 8252, 7.3"},
		Scripts: []Script{always("/register", object(201, `{"client_id":"c","redirect_uris":["http://127.0.0.1/callback"]}`)),
			always("/register", object(201, `{"client_id":"c","redirect_uris":["HTTP://127.0.0.1:1/callback"]}`))},
		Want: works(),
	},
	{
		ID: "A13", Kind: Authorization, Sends: "the metadata describes another resource: http instead of https, or another host",
		Sources: []string{"mesh/mesh-mcp#20", "Mnexa-AI/e2a#635"},
		Scripts: one(serves(`{"resource":"https://other.example/mcp","authorization_servers":["$BASE"]}`, goodServer)),
		Want:    needsLogin("https://other.example/mcp", "$URL"),
	},
	{
		ID: "A14", Kind: Authorization, Sends: "the callback arrives at the redirect path of another authorization server (mix-up)",
		Sources: []string{"RFC 9700, 4.4"},
		Scripts: one(all(always("/authorize", arrivesAt("/callback/other")), always("/token", object(400, `{"error":"the code was sent"}`)))),
		Want:    needsLogin("/callback/other"),
	},
	{
		ID: "F99", Kind: Authorization, Sends: "the issuer has a path, and its metadata exists only at the URL with the well-known path appended to that path",
		Sources: []string{"punkpeye/mcp-remote#216", "punkpeye/mcp-remote#174"},
		Scripts: one(always(metadataPath, message(`{"resource":"$BASE/mcp","authorization_servers":["$BASE/oauth"]}`)), always(serverPath, status(404)),
			always("/oauth"+serverPath, message(serverMetadata("$BASE/oauth", pkce)))),
		Want: works(),
	},
	{
		ID: "F100", Kind: Authorization, Sends: "there is no resource metadata, and the authorization server's metadata exists only below the endpoint's path",
		Sources: []string{"keurcien/auxilia#228"},
		Scripts: one(noResource(status(404)), always(serverPath, status(404)), always("/register", status(404)), always("/mcp"+openIDPath, message(serverMetadata("$BASE/mcp", pkce)))),
		Want:    needsLogin("/.well-known/"),
	},
	{
		ID: "F101", Kind: Authorization, Sends: "the challenge has two resource_metadata parameters: the first leads to 404, the second is right",
		Sources: []string{"getsentry/sentry-mcp#939", "getsentry/sentry-mcp#955"},
		Scripts: []Script{secondChallenge(`Bearer resource_metadata="$BASE/nothing", resource_metadata="$BASE/prm"`),
			secondChallenge(`Bearer resource_metadata="$BASE/nothing"`, `Bearer resource_metadata="$BASE/prm"`)},
		Want: works(),
	},
	{
		ID: "F102", Kind: Authorization, Sends: "the first well-known URL answers 500, {} or a redirect to a login page",
		Sources: []string{"mcp-use/mcp-use#1576", "envoyproxy/ai-gateway#2049", "PrimeIntellect-ai/prime-agent#1591"},
		Scripts: []Script{second(status(500)), second(message(`{}`)), second(redirect(302, "https://login.example.com/"))}, Want: works(),
	},
	{
		ID: "F103", Kind: Authorization, Sends: "the first well-known URL answers with an HTML page",
		Sources: []string{"outline/outline#11572"},
		Scripts: one(second(page(200, "<html></html>"))), Want: works(),
	},
	{
		ID: "F104", Kind: Authorization, Sends: "there is no challenge and no resource metadata; the authorization server's metadata is at the endpoint's origin",
		Sources: []string{"modelcontextprotocol/csharp-sdk#1050", "czlonkowski/n8n-mcp#604"},
		Scripts: one(challenges(), always(metadataPath, status(404))), Want: works(),
	},
	{
		ID: "F105", Kind: Authorization, Sends: "the metadata names an issuer on another host, or a template",
		Sources: []string{"upstash/context7#2723", "openai/codex#38944", "obot-platform/obot#1780"},
		Scripts: []Script{serves(goodResource, serverMetadata("https://other.example", pkce)), serves(goodResource, serverMetadata("https://other.example/{tenantid}", pkce))},
		Want:    needsLogin("https://other.example", "http://127.0.0.1"),
	},
	{
		ID: "F107", Kind: Authorization, Sends: "the metadata lacks code_challenge_methods_supported",
		Sources: []string{"modelcontextprotocol/typescript-sdk#2831", "vercel/ai#18674"},
		Scripts: one(serves(goodResource, serverMetadata("$BASE", ""))), Want: needsLogin("code_challenge_methods_supported"),
	},
	{
		ID: "F108", Kind: Authorization, Sends: "the authorization server requires `resource` to equal the value in the metadata, byte for byte",
		Sources: []string{"vercel/ai#13988", "openai/codex#35716"},
		Scripts: one(serves(`{"resource":"$BASE","authorization_servers":["$BASE"]}`, goodServer),
			always("/authorize", when(not(form("resource", "$BASE")), page(400, "AADSTS9010010")))),
		Want: works(),
	},
	{
		ID: "F109", Kind: Authorization, Sends: "registration is refused with 403 “Forbidden”, or with 400 because of an allow-list",
		Sources: []string{"anthropics/claude-code#74768", "Zomato/mcp-server-manifest#39"},
		Scripts: []Script{always("/register", text(403, "Forbidden by policy")), always("/register", object(400, `{"error":"invalid_request","error_description":"Forbidden by policy"}`))},
		Want:    needsLogin("Forbidden by policy"),
	},
	{
		ID: "F110", Kind: Authorization, Sends: "registration returns a secret that the client did not request, with or without an authentication method",
		Sources: []string{"openai/codex#40928", "freelawproject/courtlistener#7225"},
		Scripts: []Script{secret(`,"token_endpoint_auth_method":"client_secret_post"`), secret("")}, Want: works(),
	},
	{
		ID: "F111", Kind: Authorization, Sends: "the authorization server refuses redirect URIs with 127.0.0.1 but accepts localhost",
		Sources: []string{"anthropics/claude-code#86233", "metatool-ai/metamcp#334"},
		Scripts: one(always("/register", when(says("127.0.0.1"), object(400, `{"error":"invalid_redirect_uri"}`)))),
		Want:    needsLogin("invalid_redirect_uri"),
	},
	{
		ID: "F111b", Kind: Authorization, Sends: "the authorization server refuses redirect URIs with 127.0.0.1, and the login uses localhost",
		Sources: []string{"anthropics/claude-code#86233", "metatool-ai/metamcp#334"},
		Scripts: one(always("/register", when(says("127.0.0.1:1"), object(400, `{"error":"invalid_redirect_uri"}`)))),
		OAuth:   func(_ *oauth.Config, p *Play) { p.redirectURI = "http://localhost:1/callback" }, Want: works(),
	},
	{
		ID: "F112", Kind: Authorization, Sends: "the authorization server refuses registrations with members outside RFC 7591",
		Sources: []string{"turnstonelabs/turnstone#1082", "keycloak/keycloak#14946"},
		Scripts: one(always("/register", when(says(`"resource"`), object(400, `{"error":"invalid_client_metadata"}`)))), Want: works(),
	},
	{
		ID: "F113", Kind: Authorization, Sends: "token_type is “user” or “bearer”",
		Sources: []string{"different-ai/openwork#3569", "Cloudgeni-ai/opengeni#303"},
		Scripts: tokens(`{"access_token":"$TOKEN","token_type":"user"}`, `{"access_token":"$TOKEN","token_type":"bearer"}`),
		Want:    works(),
	},
	{
		ID: "F114", Kind: Authorization, Sends: "the token request is refused with status 200 and an error in the body",
		Sources: []string{"different-ai/openwork#3569", "modelcontextprotocol/typescript-sdk#1342"},
		Scripts: tokens(`{"ok":false,"error":"invalid_code"}`, `{"error":"invalid_code"}`), Want: needsLogin("invalid_code"),
	},
	{
		ID: "F115", Kind: Authorization, Sends: "the token response is form-encoded unless Accept asks for JSON",
		Sources: []string{"modelcontextprotocol/python-sdk#1523", "preset-io/agor#2192"},
		Scripts: one(always("/token", when(not(sends("Accept", typeJSON)), as(200, "application/x-www-form-urlencoded", "access_token=tok")))), Want: works(),
	},
	{
		ID: "F115b", Kind: Authorization, Sends: "the token response is always form-encoded",
		Sources: []string{"modelcontextprotocol/python-sdk#1523"},
		Scripts: one(always("/token", as(200, "application/x-www-form-urlencoded", "access_token=tok"))), Want: needsLogin("application/x-www-form-urlencoded"),
	},
	{
		ID: "F116", Kind: Authorization, Sends: "the token response nests the token in authed_user",
		Sources: []string{"anthropics/claude-code#59725"},
		Scripts: tokens(`{"ok":true,"authed_user":{"access_token":"$TOKEN"}}`), Want: needsLogin("access"),
	},
	{
		ID: "F117", Kind: Authorization, Sends: "the scope in the token response is comma-separated or empty",
		Sources: []string{"UsefulSoftwareCo/executor#1643"},
		Scripts: tokens(`{"access_token":"$TOKEN","token_type":"Bearer","scope":"a,b"}`, `{"access_token":"$TOKEN","token_type":"Bearer","scope":""}`), Want: works(),
	},
	{
		ID: "F118", Kind: Authorization, Sends: "the authorization server reports an invalid refresh token with invalid_request, invalid_token or 401",
		Sources: []string{"obot-platform/obot#7501", "FlowFuse/flowfuse#8547", "metabase/metabase#80389"},
		Scripts: []Script{refreshes(object(400, `{"error":"invalid_request"}`)), refreshes(object(400, `{"error":"invalid_token"}`)), refreshes(object(401, `{"error":"invalid_token"}`))},
		Do:      twoCalls, Want: works().note("works: the user logs in again"),
	},
	{
		ID: "F119", Kind: Authorization, Sends: "the authorization server always reports an invalid refresh token with 500",
		Sources: []string{"freee/freee-mcp#394", "proxy provider of the TypeScript SDK"},
		Scripts: one(refreshes(object(500, `{"error":"server_error"}`))),
		Do: func(ctx context.Context, p *Play) (string, error) {
			_, _ = twoCalls(ctx, p)
			return twice(twice(call))(ctx, p)
		},
		Want: works().note("works after a few calls: the user logs in again"),
	},
	{
		ID: "F120", Kind: Authorization, Sends: "the callback has an error but no state",
		Sources: []string{"modelcontextprotocol/typescript-sdk#2773", "medusajs/medusa#15331"},
		Scripts: one(always("/authorize", redirect(302, redirectURI+"?error=invalid_request&error_description=no+such+scope"))),
		Want:    needsLogin("no such scope"),
	},
	{
		ID: "F121", Kind: Authorization, Sends: "the callback has no iss, and the metadata does not announce one",
		Sources: []string{"endara-ai/endara-relay#116", "stacklok/mecatl#764"},
		Scripts: one(always("/authorize", callback("code=x"))), Want: works(),
	},
	{
		ID: "F121b", Kind: Authorization, Sends: "a proxy redirects to the login of another server, which puts its own issuer into the callback",
		Sources: []string{"proxy provider of the TypeScript SDK before oidc-provider"},
		Scripts: one(always("/authorize", callback("code=x&iss=http%3A%2F%2Fother.example"))),
		Want:    needsLogin("another authorization server (iss)", "http://other.example"),
	},
	{
		ID: "F122", Kind: Authorization, Sends: "the authorization server requires state",
		Sources: []string{"apify/mcpc#214"},
		Scripts: one(always("/authorize", when(form("state", ""), object(200, `{"error":"missing_state"}`)))), Want: works(),
	},
	{
		ID: "F124", Kind: Authorization, Sends: "the resource metadata URL answers 401, 403 or 400; the authorization server's metadata is at the endpoint's origin",
		Sources: []string{"preset-io/agor#1078", "sigbit/mcp-auth-proxy#177"},
		Scripts: []Script{noResource(object(401, `{"error":"Invalid Token Request"}`)), noResource(status(403)), noResource(status(400))}, Want: works(),
	},
	{
		ID: "F125", Kind: Authorization, Sends: "scopes_supported is empty, and every requested scope is refused",
		Sources: []string{"punkpeye/mcp-remote#216"},
		Scripts: one(serves(`{"resource":"$BASE/mcp","authorization_servers":["$BASE"],"scopes_supported":[]}`, serverMetadata("$BASE", pkce+`,"scopes_supported":[]`)),
			always("/register", when(says(`"scope"`), object(400, `{"error":"invalid_client_metadata"}`))),
			always("/authorize", when(not(form("scope", "")), callback("error=invalid_scope")))),
		Want: works(),
	},
	{
		ID: "F126", Kind: Authorization, Sends: "the authorization server refuses offline_access, which its metadata does not list",
		Sources: []string{"anthropics/claude-code#41610"},
		Scripts: one(always("/authorize", when(func(x *Exchange) bool { return strings.Contains(x.form().Get("scope"), "offline_access") }, callback("error=invalid_scope")))),
		Want:    works(),
	},
}

// secondChallenge sends the challenges and serves the resource metadata only at /prm.
func secondChallenge(values ...string) Script {
	return all(challenges(values...), always(metadataPath, status(404)), always("/prm", message(goodResource)))
}

// second gives the answer at the first well-known URL of the authorization server, and valid
// metadata at the second.
func second(answer Answer) Script {
	return all(always(serverPath, answer), always(openIDPath, message(goodServer)))
}

// secret answers registrations with a client secret and additional members.
func secret(members string) Script {
	return all(always("/register", object(201, `{"client_id":"c","client_secret":"s"`+members+`}`)))
}

// refreshes gives the answer to every request that refreshes a token.
func refreshes(answer Answer) Script {
	return always("/token", when(form("grant_type", "refresh_token"), answer))
}

// noResource gives the answer at every URL of the resource metadata. The endpoint sends no
// challenge.
func noResource(answer Answer) Script {
	return all(challenges(), always(metadataPath, answer), always("/.well-known/oauth-protected-resource", answer))
}
