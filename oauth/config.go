package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Config configures a [Client]. Nil and the zero value are good: a token is
// obtained only if there is a Login or a Grant.
type Config struct {
	// Transport carries the requests to authorization servers: discovery,
	// registration, tokens. Nil means the transport under [Client.RoundTripper], so that a
	// server that only an executor can see is reached through it; set a
	// transport.NewDirect to keep codes and tokens out of the executor.
	Transport http.RoundTripper
	// Store keeps tokens. Nil means memory.
	Store Store
	// Login takes a person through the authorization code grant. Nil: no person is asked.
	Login Login
	// Grant obtains tokens without a person. If it is set, Login is not used.
	Grant Grant
	// Registration is who this client is for the authorization server.
	Registration Registration
	// Scopes are asked for in addition to those that the server names. Usually nil.
	Scopes []string
	// DPoP binds tokens to a key of this client where the authorization server
	// can (RFC 9449).
	DPoP DPoPMode
	// Issuer is the authorization server to use if the resource names several; empty: the first.
	Issuer string
	// AllowPrivate lets OAuth URLs that a public server names lead to private
	// addresses. The resource's own origin may be on loopback or in a private network anyway, and so may what it names
	// if it is inside itself: by its address, by a name that the public DNS does not have (localhost,
	// one without a dot, .internal, .local and the like), or because its own origin was reached there. The shared
	// address space of VPNs (100.64.0.0/10) counts as private.
	AllowPrivate bool
	// AllowInsecureHTTP lets OAuth URLs be http off loopback too, for a resource that is itself http: whoever can
	// read or change what passes on that network can take codes, tokens and client secrets. It is for networks of
	// containers and the like that nobody else is on. For a resource that is https it changes nothing.
	AllowInsecureHTTP bool
	// LoginTimeout bounds one login. Zero means 5 minutes.
	LoginTimeout time.Duration
	// RequestTimeout bounds one request to an authorization server. Zero means 30 s.
	RequestTimeout time.Duration
	// Logger gets what the client does on its own. Nil discards it. No secret is logged.
	Logger *slog.Logger
}

// Registration is how this client is known to authorization servers. What is set
// first counts: ClientID, MetadataURL, dynamic registration.
type Registration struct {
	// ClientID was given by the authorization server Issuer (pre-registration).
	ClientID string
	// ClientSecret belongs to ClientID; empty for a public client.
	ClientSecret string
	// Key authenticates ClientID, or the client of MetadataURL, instead of a secret (private_key_jwt). Nil: none.
	Key *ClientKey
	// Issuer is the authorization server that ClientID is for. Empty: the first one that is
	// met, from then on only that one, as the Store remembers: a resource cannot lead ClientID and its secret elsewhere.
	Issuer string
	// AuthMethod is how ClientID authenticates at the token endpoint; empty: as the server's metadata says.
	AuthMethod string
	// MetadataURL is the https URL of a Client ID Metadata Document, which is used if the server supports it.
	MetadataURL string
	// Name is shown to the person at dynamic registration (RFC 7591). Empty means "Hawser".
	Name string
	// NoDynamic refuses dynamic registration.
	NoDynamic bool
}

// DPoPMode says when tokens are bound to a key.
type DPoPMode uint8

const (
	// DPoPIfRequired binds tokens if the resource says that it requires it. The default.
	DPoPIfRequired DPoPMode = iota
	// DPoPIfSupported binds tokens if the authorization server supports it.
	DPoPIfSupported
	// DPoPAlways binds tokens, and fails with servers that cannot.
	DPoPAlways
	// DPoPNever never does.
	DPoPNever
)

// Format hides the secret and the key.
func (r Registration) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.text()) }

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

// check refuses a configuration that cannot work with any server.
func (cfg *Config) check() error {
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
		return errors.New("a ClientSecret without its ClientID")
	}
	if r.MetadataURL != "" {
		u, err := url.Parse(r.MetadataURL)
		if err != nil || u.Scheme != "https" || u.Host == "" || u.Path == "" || u.Path == "/" || u.User != nil || u.Fragment != "" {
			return errors.New("MetadataURL must be an https URL with a path")
		}
	}
	if g, ok := cfg.Grant.(interface{ check(r *Registration) error }); ok {
		return g.check(r)
	}
	return nil
}
