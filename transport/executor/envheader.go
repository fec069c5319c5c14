package executor

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// HeaderFromEnv is a header field whose value the executor completes from a
// variable of its own environment. It is sent to one origin only; a request that
// has the field already keeps its own.
type HeaderFromEnv struct {
	Origin   string // scheme://host[:port], such as "https://mcp.example.com"
	Name     string // of the field, such as "Authorization"
	Prefix   string // before the variable's value, such as "Bearer "
	Variable string // of the executor's environment
}

var errNoEnvHeaders = errors.New("the executor cannot fill header fields from its environment")

// check returns what is wrong with the field.
func (f HeaderFromEnv) check() error {
	u, err := url.Parse(f.Origin)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return fmt.Errorf("executor: HeadersFromEnv: the origin of %q must be scheme://host", f.Name)
	case !validField(f.Name, f.Prefix) || f.Variable == "":
		return fmt.Errorf("executor: HeadersFromEnv: field %q needs a valid name and a variable", f.Name)
	}
	return nil
}

// appliesTo reports whether the field is for req.
func (f HeaderFromEnv) appliesTo(req *http.Request) bool {
	u, err := url.Parse(f.Origin)
	return err == nil && sameOrigin(u, req.URL) && (req.Host == "" || req.Host == req.URL.Host) && len(req.Header.Values(f.Name)) == 0
}

func sameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}
