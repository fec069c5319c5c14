package oauth

import "fmt"

// The keys of the Store. Their parts are quoted, so that a server cannot choose a name that
// collides with another key.

// bindingKey is the key of an endpoint's binding: its resource and issuer, which identify the
// stored token before any request is sent.
func bindingKey(endpoint string) string { return fmt.Sprintf("resource %q", endpoint) }

// tokenKey is the key of the token for a resource from an issuer.
func tokenKey(resource, issuer string) string { return fmt.Sprintf("token %q %q", resource, issuer) }

// issuerKey is the key of the issuer that an endpoint's configured client ID belongs to.
func issuerKey(endpoint, clientID string) string {
	return fmt.Sprintf("issuer %q %q", endpoint, clientID)
}

// dpopStoreKey is the key of the private key for DPoP proofs at an issuer.
func dpopStoreKey(issuer string) string { return fmt.Sprintf("key %q", issuer) }

// clientKey is the key of the registration with an issuer.
func clientKey(issuer string) string { return fmt.Sprintf("client %q", issuer) }
