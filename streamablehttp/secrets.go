package streamablehttp

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// minSecret is the minimum length, in bytes, of a value that is masked. A shorter one may be part
// of ordinary words.
const minSecret = 8

// shown returns a server's text for use in an error: one line, at most limit bytes, with the
// secrets of the request masked. It masks before it truncates, because a truncated secret would not
// be found.
func shown[T string | []byte](c *Conn, resp *http.Response, text T, limit int) string {
	return redact.Clean(redact.Mask(string(text[:min(len(text), maxErrorBody)]), c.secrets(resp)), limit)
}

// secrets returns the secrets of the request that resp answers. It is called for errors only, so
// successful requests do not pay for it.
func (c *Conn) secrets(resp *http.Response) []string {
	if resp.Request == nil {
		return c.secretsOf(nil)
	}
	return c.secretsOf(resp.Request.Header) // as most decorators sent it
}

// secretsOf returns the secrets in a request header, the secrets of the Conn and its RoundTripper,
// and the query values of the endpoint.
func (c *Conn) secretsOf(sent http.Header) []string {
	var found []string
	add := func(secrets ...string) {
		for _, secret := range secrets {
			if len(secret) >= minSecret {
				found = append(found, secret)
			}
		}
	}
	headerSecrets(sent, add)
	headerSecrets(c.header, add)
	if holder, ok := c.rt.(redact.Holder); ok { // resp.Request may not have the tokens that the holder attached
		add(holder.RequestSecrets()...)
	}
	for parameter := range strings.SplitSeq(c.url.RawQuery, "&") {
		_, value, found := strings.Cut(parameter, "=")
		if !found {
			value = parameter
		}
		add(value)
		if plain, err := url.QueryUnescape(value); err == nil {
			add(plain)
		}
	}
	return found
}

// masked masks the secrets of a request header in an error of a transport. net/http quotes a
// response that it cannot parse.
func (c *Conn) masked(sent http.Header, err *transport.Error) *transport.Error {
	if err.Err == nil {
		return err
	}
	text := err.Err.Error()
	if shown := redact.Mask(text, c.secretsOf(sent)); shown != text {
		err.Err = redact.Reworded(err.Err, shown)
	}
	return err
}

// headerSecrets passes the values of a header to add, except those of the protocol's own headers.
// For credentials and cookies it also adds their parts.
func headerSecrets(header http.Header, add func(...string)) {
	for name, values := range header {
		if name != headerSession && reserved(name) || name == "User-Agent" {
			continue
		}
		add(values...)
		for _, value := range values {
			switch name {
			case "Authorization", "Proxy-Authorization":
				_, credentials, _ := strings.Cut(value, " ")
				add(credentials)
				if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
					_, password, _ := strings.Cut(string(plain), ":")
					add(string(plain), password)
				}
			case "Cookie":
				for cookie := range strings.SplitSeq(value, ";") {
					_, value, _ := strings.Cut(cookie, "=")
					add(value)
				}
			}
		}
	}
}
