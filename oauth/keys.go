package oauth

import "fmt"

// What the Store keeps, and under which keys. They are quoted, so that no name
// that a server chooses for itself runs into another.

// bindingKey is where the resource and issuer of an endpoint are kept: which
// token to look for before anything was asked.
func bindingKey(endpoint string) string { return fmt.Sprintf("resource %q", endpoint) }

// tokenKey is where the token for a resource from an issuer is kept.
func tokenKey(resource, issuer string) string { return fmt.Sprintf("token %q %q", resource, issuer) }

// issuerKey is where the issuer is kept that the configured client id of an endpoint is for.
func issuerKey(endpoint, clientID string) string {
	return fmt.Sprintf("issuer %q %q", endpoint, clientID)
}

// dpopStoreKey is where the key for DPoP proofs at an issuer is kept.
func dpopStoreKey(issuer string) string { return fmt.Sprintf("key %q", issuer) }

// clientKey is where the registration with an issuer is kept.
func clientKey(issuer string) string { return fmt.Sprintf("client %q", issuer) }
