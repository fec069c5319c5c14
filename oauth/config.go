package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Config configures a [Client]. Nil and the zero value are valid, but tokens are obtained only with
// a Login or a Grant.
type Config struct {
	// Transport sends the requests to authorization servers: discovery, registration, tokens. Nil
	// means the base of [Client.RoundTripper]: if that base sends through an executor, so do these
	// requests. Set a transport.NewDirect to keep codes and tokens away from the executor.
	Transport http.RoundTripper
	// Store keeps tokens. Nil means in memory.
	Store Store
	// Login takes the user through the authorization code grant. If it is nil, the Client never
	// prompts the user.
	Login Login
	// Grant obtains tokens without the user. If it is set, Login is not used.
	Grant Grant
	// Registration identifies this client to the authorization server.
	Registration Registration
	// Scopes are requested in addition to the scopes that the server names. Usually nil.
	Scopes []string
	// NoResource omits the resource parameter (RFC 8707) from all requests, for authorization
	// servers that refuse it with invalid_target. The server then decides what the token is for:
	// set NoResource only if each of its tokens is for one resource. It is false by default, as MCP
	// requires.
	NoResource bool
	// AuthParams are additional parameters of the authorization request, which opens the page of the
	// authorization server. Google, for example, issues a refresh token only with
	// {"access_type": "offline", "prompt": "consent"}. NewClient refuses parameters that the client
	// sets itself, such as state, scope or redirect_uri, however they are spelled. A "prompt" replaces
	// the client's own. Token requests do not get these parameters. Usually nil.
	AuthParams map[string]string
	// DPoP selects when tokens are bound to one of this client's keys (RFC 9449).
	DPoP DPoPMode
	// Issuer selects the authorization server if the resource names several. Empty means the first.
	Issuer string
	// AllowPrivate allows OAuth URLs that a public server names to lead to private addresses,
	// including the shared address space of VPNs (100.64.0.0/10). It is not needed if the resource
	// itself is on loopback or in a private network: loopback and private addresses are then
	// allowed. The resource's own origin is always allowed. The resource counts as private if its
	// address is private, if its name does not exist in the public DNS (localhost, names without a
	// dot, .internal, .local and similar), or after it was reached at a private address.
	AllowPrivate bool
	// AllowInsecureHTTP allows plain http beyond loopback in the OAuth URLs of a resource that
	// itself uses http. Anyone who can read or change the traffic can take codes, tokens and client
	// secrets: use it only on isolated networks, such as one between containers. Without it, the
	// Client obtains and sends no token for an http resource beyond loopback. It has no effect for
	// an https resource.
	AllowInsecureHTTP bool
	// LoginTimeout bounds one login. Zero means 5 minutes.
	LoginTimeout time.Duration
	// RequestTimeout bounds one request to an authorization server. Zero means 30 s.
	RequestTimeout time.Duration
	// Logger receives log messages about the client's background work, without secrets. Nil
	// discards them.
	Logger *slog.Logger
}

// Registration identifies this client to authorization servers. ClientID is used if it is set.
// Otherwise MetadataURL is used if it is set and the server supports metadata documents. Otherwise
// the client registers dynamically.
type Registration struct {
	// ClientID is the client ID that the authorization server Issuer issued (pre-registration).
	ClientID string
	// ClientSecret is the secret of ClientID. Empty means a public client.
	ClientSecret string
	// Key authenticates the client instead of a secret (private_key_jwt). It works with ClientID
	// and with MetadataURL. It may be nil.
	Key *ClientKey
	// Issuer is the authorization server that issued ClientID. Empty means the first one that the
	// resource names. The Store remembers that server, so a resource cannot direct ClientID and its
	// secret to another one.
	Issuer string
	// AuthMethod is the authentication method of ClientID at the token endpoint. Empty means a
	// method that the server's metadata lists.
	AuthMethod string
	// MetadataURL is the https URL of a Client ID Metadata Document. It is used if the server
	// supports such documents.
	MetadataURL string
	// Name is shown to the user at dynamic registration (RFC 7591). Empty means "Hawser".
	Name string
	// NoDynamic disables dynamic registration.
	NoDynamic bool
}

// DPoPMode selects when tokens are bound to a key.
type DPoPMode uint8

const (
	// DPoPIfRequired binds tokens if the resource requires it. This is the default.
	DPoPIfRequired DPoPMode = iota
	// DPoPIfSupported binds tokens if the authorization server supports it.
	DPoPIfSupported
	// DPoPAlways binds tokens, and fails with servers that do not support DPoP.
	DPoPAlways
	// DPoPNever never binds tokens.
	DPoPNever
)

// Format hides the secret and the key.
func (r Registration) Format(f fmt.State, _ rune) { redact.Write(f, r.text()) }

// LogValue hides the secret and the key.
func (r Registration) LogValue() slog.Value { return slog.StringValue(r.text()) }

// MarshalJSON hides the secret and the key.
func (r Registration) MarshalJSON() ([]byte, error) { return json.Marshal(r.text()) }

func (r Registration) text() string {
	switch {
	case r.ClientID != "":
		return "client " + r.ClientID
	case r.MetadataURL != "":
		return "client " + r.MetadataURL
	}
	return "client to be registered"
}

// check returns an error if the configuration cannot work with any server.
func (cfg *Config) check() error {
	if _, ok := cfg.Grant.(*source); ok && cfg.DPoP == DPoPAlways {
		return errors.New("DPoPAlways: tokens that this client does not request cannot be bound to its keys")
	}
	r := &cfg.Registration
	if r.Key != nil {
		signer, err := r.Key.signer()
		if err == nil {
			_, err = signingMethodFor(signer, r.Key.Algorithm)
		}
		if err != nil {
			return err
		}
	}
	if r.ClientSecret != "" && r.ClientID == "" {
		return errors.New("Registration.ClientSecret is set without ClientID")
	}
	if r.MetadataURL != "" {
		u, err := url.Parse(r.MetadataURL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path == "" || u.Path == "/" || u.User != nil || u.Fragment != "" {
			return errors.New("MetadataURL must be an https URL with a path")
		}
	}
	if err := checkParams(cfg.AuthParams); err != nil {
		return err
	}
	if g, ok := cfg.Grant.(interface{ check(r *Registration) error }); ok {
		return g.check(r)
	}
	return nil
}
