package oauth

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/oauth2"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// protectedParams are the parameters of an authorization request that Config.AuthParams must not
// set: this client chooses them, and some protect the login. Request objects (RFC 9101) could
// replace all others, and response_mode could hide the callback from the Login.
var protectedParams = []string{
	"response_type", "response_mode", "client_id", "client_secret", "client_assertion", "client_assertion_type", "redirect_uri", "state",
	"code", "code_challenge", "code_challenge_method", "code_verifier", "resource", "scope", "dpop_jkt", "iss", "request", "request_uri",
}

const (
	maxParams = 32      // maximum number of Config.AuthParams
	maxParam  = 4 << 10 // maximum length of the value of one, in bytes
	paramName = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
)

// checkParams returns an error unless all of Config.AuthParams may be sent.
func checkParams(params map[string]string) error {
	if len(params) > maxParams {
		return fmt.Errorf("%d parameters in Config.AuthParams, at most %d are allowed", len(params), maxParams)
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch {
		case strings.Trim(name, paramName) != "" || strings.Trim(name, "_-.") == "":
			return fmt.Errorf("invalid parameter name %q in Config.AuthParams: expected letters, digits, -, . and _", redact.Clean(name, 64))
		case slices.Contains(protectedParams, plainParam(name)):
			return fmt.Errorf("parameter %s in Config.AuthParams is refused: the client sets it itself", redact.Clean(name, 64))
		case len(params[name]) > maxParam:
			return fmt.Errorf("parameter %s in Config.AuthParams has %d bytes, at most %d are allowed", redact.Clean(name, 64), len(params[name]), maxParam)
		}
	}
	return nil
}

// plainParam returns the name that servers may read a parameter as. Some ignore case, and PHP reads
// a dot as an underscore.
func plainParam(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return r
	}, strings.ToLower(name))
}

// authOptions returns the options of an authorization request. Those that protect the login come
// last, so no other replaces them.
func (f *flow) authOptions() []oauth2.AuthCodeOption {
	var options []oauth2.AuthCodeOption
	if slices.Contains(f.at.scopes, scopeOffline) {
		options = append(options, oauth2.SetAuthURLParam("prompt", "consent")) // OpenID Connect Core section 11
	}
	for name, value := range f.c.cfg.AuthParams {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	options = append(options, oauth2.S256ChallengeOption(f.verifier))
	if !f.c.cfg.NoResource {
		options = append(options, oauth2.SetAuthURLParam("resource", f.at.resource))
	}
	if f.key != nil {
		options = append(options, oauth2.SetAuthURLParam("dpop_jkt", f.key.thumbprint))
	}
	return options
}
