package oauth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type discoverer interface {
	resource(ctx context.Context, endpoint *url.URL, hint string) (*ResourceMetadata, error)
	server(ctx context.Context, issuer string, fallback bool) (*ServerMetadata, error)
}
type registrant interface {
	register(ctx context.Context, server *ServerMetadata, redirectURI string) (*registered, error)
}
type poster interface {
	postForm(ctx context.Context, url string, form url.Values, header http.Header) (*answer, error)
}
type answer struct {
	status int
	header http.Header
	body   []byte
}
type challengeT struct {
	Scheme string
	Params map[string]string
}

func parseChallenges(h http.Header) []challengeT {
	var out []challengeT
	for _, v := range h.Values("WWW-Authenticate") {
		scheme, rest, _ := strings.Cut(v, " ")
		c := challengeT{scheme, map[string]string{}}
		for p := range strings.SplitSeq(rest, ", ") {
			k, q, _ := strings.Cut(p, "=")
			c.Params[k] = strings.Trim(q, `"`)
		}
		out = append(out, c)
	}
	return out
}

type registered struct {
	clientID, secret, authMethod string
	redirectURIs                 []string
	expires                      time.Time
	issuer                       string
}

// Format hides the secret.
func (registered) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
