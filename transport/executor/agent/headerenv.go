package agent

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/execproto"
)

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
