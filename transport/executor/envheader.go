package executor

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
)

// HeaderFromEnv is a header field whose value the executor completes with a variable of its own
// environment. It is sent to one origin only. A request that already has the field keeps its own
// value. So does a request with credentials in its URL, if the field is Authorization.
type HeaderFromEnv struct {
	Origin   string // scheme://host[:port], such as "https://mcp.example.com"
	Name     string // field name, such as "Authorization"
	Prefix   string // text before the variable's value, such as "Bearer "
	Variable string // name of a variable in the executor's environment
}

var errNoEnvHeaders = errors.New("the executor cannot fill header fields from its environment")

// envHeader is a HeaderFromEnv with its origin parsed.
type envHeader struct {
	HeaderFromEnv
	origin *url.URL
}

// parse checks f and parses its origin.
func (f HeaderFromEnv) parse() (envHeader, error) {
	u, err := url.Parse(f.Origin)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"),
		u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return envHeader{}, fmt.Errorf("executor: HeadersFromEnv: the origin of %q must be scheme://host", f.Name)
	case !httprule.IsToken(f.Name) || !httprule.IsFieldValue(f.Prefix) || framing[http.CanonicalHeaderKey(f.Name)] || f.Variable == "":
		return envHeader{}, fmt.Errorf("executor: HeadersFromEnv: field %q must have a valid name and a variable", f.Name)
	}
	return envHeader{f, u}, nil
}

// appliesTo reports whether the field may be sent with req.
func (h envHeader) appliesTo(req *http.Request) bool {
	return httprule.SameOrigin(h.origin, req.URL) && (req.Host == "" || req.Host == req.URL.Host)
}
