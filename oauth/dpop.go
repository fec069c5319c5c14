package oauth

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/hawser-mcp/hawser/internal/challenge"
	"github.com/hawser-mcp/hawser/internal/httprule"
	"github.com/hawser-mcp/hawser/internal/redact"
)

// dpopKey is a key that tokens are bound to (RFC 9449). The client uses a different key for each
// issuer, so that different servers cannot use it to link their tokens to one client.
type dpopKey struct {
	private    *ecdsa.PrivateKey
	public     map[string]string // JWK
	thumbprint string            // RFC 7638
}

// Format hides the key.
func (*dpopKey) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

const dpopAlgorithm = "ES256"

func newDPoPKey(private *ecdsa.PrivateKey) (*dpopKey, error) {
	if private.Curve != elliptic.P256() {
		return nil, errors.New("the key is not a P-256 key")
	}
	point, err := private.PublicKey.Bytes() // 0x04, x, y
	if err != nil {
		return nil, err
	}
	k := &dpopKey{private: private, public: map[string]string{
		"kty": "EC", "crv": "P-256",
		"x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
	}}
	canonical := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":%q,"y":%q}`, k.public["x"], k.public["y"]))
	k.thumbprint = base64.RawURLEncoding.EncodeToString(canonical[:])
	return k, nil
}

// proof returns a DPoP proof for one request. access is the access token sent with the request.
// Both access and nonce may be "".
func (k *dpopKey) proof(method string, u *url.URL, access, nonce string) (string, error) {
	claims := jwt.MapClaims{"jti": rand.Text(), "htm": method, "htu": targetURI(u), "iat": time.Now().Unix()}
	if access != "" {
		hash := sha256.Sum256([]byte(access))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	t := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	t.Header["typ"], t.Header["jwk"] = "dpop+jwt", k.public
	return t.SignedString(k.private)
}

// targetURI returns u without its query and fragment (RFC 9449 section 4.2).
func targetURI(u *url.URL) string {
	path := u.EscapedPath()
	path = cmp.Or(path, "/")
	return u.Scheme + "://" + u.Host + path
}

// dpopKeys holds the DPoP keys in use, by issuer.
type dpopKeys struct {
	mu  sync.Mutex
	all map[string]*dpopKey // guarded by mu
}

func (d *dpopKeys) get(issuer string) *dpopKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all[issuer]
}

func (d *dpopKeys) put(issuer string, k *dpopKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.all == nil {
		d.all = map[string]*dpopKey{}
	}
	d.all[issuer] = k
}

// dpopKey returns the stored DPoP key for an issuer. If no key is stored, it makes and stores one
// if create is true, and returns nil otherwise.
func (c *Client) dpopKey(ctx context.Context, issuer string, create bool) (*dpopKey, error) {
	issuer = plainIssuer(issuer)
	if k := c.keys.get(issuer); k != nil {
		return k, nil
	}
	for range maxConflicts {
		data, version, err := c.read(ctx, "load key", dpopStoreKey(issuer))
		if err != nil {
			return nil, err
		}
		if version != "" {
			if k, err := decodeDPoPKey(data); err == nil {
				c.keys.put(issuer, k)
				return k, nil
			}
			c.log.Warn("a stored DPoP key is damaged", "issuer", issuer)
		}
		if !create {
			return nil, nil
		}
		k, data, err := generateDPoPKey()
		if err != nil {
			return nil, &Error{Kind: KindConfig, Op: "make DPoP key", Err: err}
		}
		switch _, err := c.store.Save(ctx, dpopStoreKey(issuer), data, version); {
		case err == nil:
			c.keys.put(issuer, k)
			return k, nil
		case !errors.Is(err, ErrConflict):
			return nil, storeError(ctx, "save key", err)
		}
	}
	return nil, &Error{Kind: KindStore, Op: "save key", Err: ErrConflict}
}

func generateDPoPKey() (*dpopKey, []byte, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	k, err := newDPoPKey(private)
	if err != nil {
		return nil, nil, err
	}
	data, err := json.Marshal(storedKey{PKCS8: der})
	return k, data, err
}

type storedKey struct {
	PKCS8 []byte `json:"pkcs8"`
}

// Format hides the key.
func (storedKey) Format(f fmt.State, _ rune) { redact.Write(f, redacted) }

func decodeDPoPKey(data []byte) (*dpopKey, error) {
	var s storedKey
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(s.PKCS8)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not a P-256 key")
	}
	return newDPoPKey(private)
}

// chooseDPoP returns the key to bind a server's tokens to, or nil for bearer tokens. must reports
// whether a bearer token is not acceptable. required reports whether the resource requires DPoP.
func (c *Client) chooseDPoP(ctx context.Context, server *ServerMetadata, required bool) (key *dpopKey, must bool, err error) {
	mode := c.cfg.DPoP
	must = mode == DPoPAlways || required && mode != DPoPNever
	if !must && (mode != DPoPIfSupported || len(server.DPoPAlgorithms) == 0) {
		return nil, false, nil
	}
	if len(server.DPoPAlgorithms) > 0 && !slices.Contains(server.DPoPAlgorithms, dpopAlgorithm) {
		if must {
			err = &Error{Kind: KindConfig, Op: "choose DPoP algorithm", URL: server.from, Err: &DocumentError{
				URL: server.from, Reason: "the authorization server does not support the algorithm of DPoP proofs (dpop_signing_alg_values_supported)",
				Wanted: dpopAlgorithm, Found: redact.Clean(strings.Join(server.DPoPAlgorithms, " "), maxHost),
			}}
		}
		return nil, must, err
	}
	key, err = c.dpopKey(ctx, server.Issuer, true)
	return key, must, err
}

// nonces holds the latest DPoP nonce from each origin. Any response may contain a new nonce.
type nonces struct {
	mu  sync.Mutex
	all map[string]string // guarded by mu
}

const (
	maxNonce  = 1 << 10 // maximum length of a nonce, in bytes
	maxNonces = 32      // maximum number of origins; a client usually has two or three
)

func (n *nonces) get(u *url.URL) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all[httprule.Origin(u)]
}

// take keeps the nonce in the header of a response from u, if there is a valid one.
func (n *nonces) take(u *url.URL, header http.Header) {
	nonce := header.Get("DPoP-Nonce")
	if !isVisible(nonce) || len(nonce) > maxNonce {
		return
	}
	origin := httprule.Origin(u)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all == nil || len(n.all) >= maxNonces {
		n.all = map[string]string{}
	}
	n.all[origin] = nonce
}

// wantsNonce reports whether a 401 from the resource demands a nonce in the DPoP proof.
func wantsNonce(header http.Header) bool {
	if header.Get("DPoP-Nonce") == "" {
		return false
	}
	return slices.ContainsFunc(challenge.Parse(header.Values("WWW-Authenticate")), func(ch challenge.Challenge) bool {
		return ch.Is(typeDPoP) && ch.Param("error") == "use_dpop_nonce"
	})
}
