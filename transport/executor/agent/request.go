package agent

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/httprule"
)

// outgoing is a checked request. A redirect turns it into the request for the new target.
type outgoing struct {
	method string
	url    *url.URL
	host   string // value of the Host header; empty means the host of the URL
	header http.Header
	secret []string // names of headers filled from the environment
	body   []byte
	stop   bool // redirects are not followed
}

// maxRequestID bounds the ID of an exchange, in bytes. Each delta repeats the ID.
const maxRequestID = 256

// prepare checks a client's request. Its errors are sent to the client, so they name the field but
// not its value.
func (c *config) prepare(r *execproto.HTTPRequest) (*outgoing, error) {
	if len(r.RequestID) > maxRequestID {
		return nil, fmt.Errorf("http/request requestId is longer than %d bytes", maxRequestID)
	}
	if !httprule.IsToken(r.Method) {
		return nil, errors.New("http/request method is invalid: invalid HTTP method")
	}
	switch strings.ToUpper(r.Method) {
	case http.MethodConnect, http.MethodTrace: // CONNECT opens a tunnel; TRACE echoes headers that may hold secrets
		return nil, errors.New("http/request method is invalid: CONNECT and TRACE are not supported")
	}
	u, err := readURL(r.URL)
	if err != nil {
		return nil, err
	}
	o := &outgoing{method: r.Method, url: u, header: make(http.Header, len(r.Headers)+1), body: r.Body, stop: r.Stop}
	if err := o.readHeaders(c, r.Headers); err != nil {
		return nil, err
	}
	if u.User != nil {
		o.useUserinfo()
	}
	if err := c.Policy.CheckURL(u); err != nil {
		return nil, err
	}
	if o.host != "" {
		if err := c.Policy.checkHost(u, o.host); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readURL reads the URL of a request. It does not use the errors of package url, because they quote
// the URL.
func readURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("http/request url is invalid: not a URL")
	case u.Scheme == "":
		return nil, errors.New("http/request url is invalid: relative URL without a base")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("http/request only supports http and https URLs, got %.32s", u.Scheme)
	}
	if _, _, _, err := target(u); err != nil {
		return nil, fmt.Errorf("http/request url is invalid: %w", err)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func (o *outgoing) readHeaders(c *config, headers []execproto.Header) error {
	values := make([]string, 0, len(headers)) // of all fields, so that most fields need no slice of their own
	for i := range headers {
		h := &headers[i]
		if !httprule.IsToken(h.Name) {
			return errors.New("http/request header name is invalid: invalid HTTP header name")
		}
		value, err := c.headerValue(h, o.url)
		if err != nil {
			return err
		}
		if !httprule.IsFieldValue(value) {
			return fmt.Errorf("http/request header value is invalid for %s", h.Name)
		}
		name := http.CanonicalHeaderKey(h.Name)
		if h.EnvVar != "" {
			o.secret = append(o.secret, name)
		}
		if old, repeated := o.header[name]; repeated {
			o.header[name] = append(old, value)
			continue
		}
		values = append(values, value)
		o.header[name] = values[len(values)-1 : len(values) : len(values)]
	}
	removeHopByHop(o.header)
	o.header.Del("Content-Length") // net/http sets it from the body
	if err := o.takeHost(); err != nil {
		return err
	}
	if _, ok := o.header["User-Agent"]; !ok {
		o.header["User-Agent"] = nil // otherwise net/http adds its own
	}
	return nil
}

// useUserinfo turns the URL's userinfo into basic authentication.
func (o *outgoing) useUserinfo() {
	if o.header.Get("Authorization") == "" {
		password, _ := o.url.User.Password()
		r := http.Request{Header: o.header}
		r.SetBasicAuth(o.url.User.Username(), password)
	}
	o.url.User = nil
}

// hopByHop are the header fields of one connection (RFC 9110 section 7.6.1).
var hopByHop = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

func removeHopByHop(h http.Header) {
	for _, value := range h["Connection"] {
		for name := range strings.SplitSeq(value, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// origin is the scheme, host and port of a URL (RFC 6454) in canonical form.
type origin string

func originOf(u *url.URL) origin {
	host, _, port, err := target(u)
	if err != nil {
		return ""
	}
	return origin(fmt.Sprintf("%s://%s#%d", strings.ToLower(u.Scheme), host, port))
}

// readHeaderEnv reads Options.HeaderEnv.
func readHeaderEnv(vars map[string][]string) (map[string][]origin, error) {
	env := make(map[string][]origin, len(vars))
	for name, texts := range vars {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			return nil, fmt.Errorf("%q is not the name of an environment variable", name)
		}
		if len(texts) == 0 {
			return nil, fmt.Errorf("variable %s: no origins given", name)
		}
		for _, text := range texts {
			u, err := url.Parse(text)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || u.RawQuery != "" ||
				u.Fragment != "" || strings.Trim(u.Path, "/") != "" || originOf(u) == "" {
				return nil, fmt.Errorf("variable %s: invalid origin, expected one like https://api.example.com", name)
			}
			env[name] = append(env[name], originOf(u))
		}
	}
	return env, nil
}

// headerValue returns the value of a header of a request to u. Its errors are sent to the client,
// so they never contain a value.
func (c *config) headerValue(h *execproto.Header, u *url.URL) (string, error) {
	if h.EnvVar == "" {
		return h.Value, nil
	}
	origins, ok := c.env[h.EnvVar]
	if !ok {
		return "", fmt.Errorf("http/request header %s cannot use executor environment variable %s", h.Name, h.EnvVar)
	}
	if !slices.Contains(origins, originOf(u)) {
		return "", fmt.Errorf("http/request header %s cannot use executor environment variable %s for this origin", h.Name, h.EnvVar)
	}
	value, ok := os.LookupEnv(h.EnvVar)
	switch {
	case !ok:
		return "", fmt.Errorf("http/request header %s requires executor environment variable %s", h.Name, h.EnvVar)
	case value == "":
		return "", fmt.Errorf("http/request header %s requires a non-empty executor environment variable %s", h.Name, h.EnvVar)
	}
	return h.Value + value, nil
}
