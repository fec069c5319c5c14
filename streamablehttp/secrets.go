package streamablehttp

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
	"github.com/hawser-mcp/hawser/transport"
)

// minSecret is how long a header value must be to be masked in what a server says: a shorter one is
// part of other words.
const minSecret = 8

// shown returns a server's text as errors show it: without the secrets of the request that resp
// answers, fit for one line, at most limit bytes. A secret is masked before the text is cut.
func shown[T string | []byte](c *Conn, resp *http.Response, text T, limit int) string {
	return sanitize(redact.Mask(string(text[:min(len(text), MaxErrorBody)]), c.secrets(resp)), limit)
}

// secrets returns what the request of a response held that no error may repeat. It is called for
// errors only, so that a request that succeeds does not pay for it.
func (c *Conn) secrets(resp *http.Response) []string {
	if resp.Request == nil {
		return c.secretsOf(nil)
	}
	return c.secretsOf(resp.Request.Header) // as it was sent below most decorators
}

// secretsOf returns the secrets of a header that was sent, the Conn's own, those that its
// RoundTripper holds, and the query of the endpoint.
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

// masked hides the secrets of a header that was sent in an error of a transport: net/http quotes what
// it cannot read of a response.
func (c *Conn) masked(sent http.Header, err *transport.Error) *transport.Error {
	if err.Err == nil {
		return err
	}
	text := err.Err.Error()
	if shown := redact.Mask(text, c.secretsOf(sent)); shown != text {
		err.Err = &maskedError{shown, err.Err}
	}
	return err
}

// maskedError is an error without the secrets in its text. It does not unwrap to err, whose text has
// them; only errors.As and errors.Is still find it.
type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string        { return e.text }
func (e *maskedError) Is(target error) bool { return errors.Is(e.err, target) }
func (e *maskedError) As(target any) bool   { return errors.As(e.err, target) }

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
