package mcpconfig

import "strings"

// oauth reads what an entry says about authorization.
func (o *fields) oauth(s *Server) {
	for _, key := range []string{"oauth", "auth"} {
		v, ok := o.get(key)
		if !ok {
			continue
		}
		switch data := v.data.(type) {
		case bool: // opencode: false
			settings(s).Off = !data
		case string:
			o.authText(s, key, v.line, data)
		case *object:
			o.in(key, data).oauthObject(settings(s))
		default:
			o.problem(key, v.line, "ignored: expected an object or false, got "+v.kind())
		}
	}
	if list, ok := o.scopes("scopes"); ok { // codex
		settings(s).Scopes = list
	}
	if id, _, ok := o.expanded("oauthClientId", fails); ok { // Copilot
		settings(s).ClientID = id
	}
	if needed, ok := o.flag("requiresOAuth", loses); ok && !needed { // LibreChat
		settings(s).Off = true
	}
}

// settings returns the settings of OAuth, which it creates if necessary.
func settings(s *Server) *OAuth {
	if s.OAuth == nil {
		s.OAuth = &OAuth{}
	}
	return s.OAuth
}

// authText reads auth of FastMCP: "oauth", or a token.
func (o *fields) authText(s *Server, key string, line int, text string) {
	if text == "oauth" {
		settings(s)
		return
	}
	if key != "auth" || s.Other != nil && s.Other.Kind == "stdio" {
		o.problem(key, line, "ignored: expected an object or false, got a string")
		return
	}
	if v, ok := o.filled(key, line, text); ok {
		o.setHeader(s.header(), key, line, "Authorization", "Bearer "+v)
	}
}

// oauthObject reads the spellings of all products.
func (o *fields) oauthObject(a *OAuth) {
	if enabled, ok := o.flag("enabled", loses); ok {
		a.Off = !enabled
	}
	o.first(&a.ClientID, fails, "clientId", "client_id", "CLIENT_ID")
	o.first(&a.ClientSecret, fails, "clientSecret", "client_secret", "CLIENT_SECRET")
	o.firstURL(&a.RedirectURI, "redirectUri", "redirect_uri")
	o.firstURL(&a.Issuer, "issuer")
	o.firstURL(&a.MetadataURL, "authServerMetadataUrl")
	for _, key := range []string{"scopes", "scope"} {
		if list, ok := o.scopes(key); ok {
			a.Scopes = list
		}
	}
	for _, key := range []string{"callbackPort", "callback_port"} {
		n, line, ok := o.number(key, loses)
		if port := int(min(n, 1<<16)); ok && (float64(port) != n || port > 65535) {
			o.problem(key, line, "ignored: expected a port from 1 to 65535")
		} else if ok {
			a.CallbackPort = port
		}
	}
	o.ignored("ignored: it is discovered; set issuer or authServerMetadataUrl if that fails", "authorizationUrl", "tokenUrl", "registrationUrl",
		"authorization_url", "token_url", "revocation_endpoint", "authorizationEndpoint", "tokenEndpoint")
	o.ignored("ignored: it is not supported", "audiences", "tokenParamName", "xaa", "token_exchange_method", "grant_types_supported",
		"token_endpoint_auth_methods_supported", "response_types_supported", "code_challenge_methods_supported", "skip_code_challenge_check",
		"revocation_endpoint_auth_methods_supported")
	o.ignored("ignored: it is the state of another program", "clientInformation", "tokens", "codeVerifier", "discoveryState", "redirectUrl", // Cline
		"lastError", "lastAuthenticatedAt", "authorizationRequired")
	o.done(loses)
}

// first reads a text that products call by several names.
func (o *fields) first(to *string, cost severity, keys ...string) {
	for _, key := range keys {
		if v, _, ok := o.expanded(key, cost); ok && *to == "" {
			*to = v
		}
	}
}

// firstURL is first for URLs. Those that are invalid are ignored.
func (o *fields) firstURL(to *string, keys ...string) {
	for _, key := range keys {
		v, line, ok := o.expanded(key, loses)
		if !ok || v == "" || *to != "" {
			continue
		}
		if reason := urlProblem(v, "https", "http"); reason != "" {
			o.problem(key, line, "ignored: "+reason)
			continue
		}
		*to = v
	}
}

// scopes reads a list of scopes: an array, or one string with spaces.
func (o *fields) scopes(key string) ([]string, bool) {
	v, ok := o.get(key)
	if !ok {
		return nil, false
	}
	if text, isText := v.data.(string); isText {
		return append([]string{}, strings.Fields(text)...), true
	}
	list, _, ok := o.texts(key, loses)
	return list, ok
}

// authorization switches OAuth off for an entry that has a header Authorization.
func (o *fields) authorization(s *Server) {
	_, fromEnv := s.HeadersFromEnv["Authorization"]
	header := s.Header
	if s.Other != nil {
		header = s.Other.Header
	}
	if header.Get("Authorization") == "" && !fromEnv {
		return
	}
	if s.OAuth != nil && !s.OAuth.Off {
		v, _ := o.object.get("oauth")
		o.problem("oauth", v.line, "ignored: the header Authorization counts; remove one of them")
	}
	settings(s).Off = true
}
