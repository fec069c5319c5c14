package streamablehttp

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// minSecret is how long a header value must be to be masked in what a server says: a shorter one is
// part of other words.
const minSecret = 8

// shown returns a server's text as errors show it: without the secrets of the request that resp
// answers, fit for one line, at most limit bytes. A secret is masked before the text is cut.
func shown[T string | []byte](c *Conn, resp *http.Response, text T, limit int) string {
	return sanitize(redact.Mask(string(text[:min(len(text), MaxErrorBody)]), c.secrets(resp)), limit)
}

// secrets returns what the request of a response held that no error may repeat: its headers as
// they were sent below all decorators, the Conn's own, and the query of the endpoint. It is
// called for errors only, so that a request that succeeds does not pay for it.
func (c *Conn) secrets(resp *http.Response) []string {
	var found []string
	add := func(secrets ...string) {
		for _, secret := range secrets {
			if len(secret) >= minSecret {
				found = append(found, secret)
			}
		}
	}
	if resp.Request != nil {
		headerSecrets(resp.Request.Header, add)
	}
	headerSecrets(c.header, add)
	if holder, ok := c.rt.(redact.Holder); ok { // it may hide what it sent from resp.Request
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

// headerSecrets hands each value of a header to add, but for those of the protocol. Of credentials
// and cookies it adds the parts too.
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
