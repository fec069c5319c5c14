package mcpconfig

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/httprule"
)

// pair is a member that has a text as its value.
type pair struct {
	name, text string
	line       int
}

// address returns the URL of an entry as it is in the file. Its text is "" if the entry has no address.
func (o *fields) address() (found pair) {
	for _, key := range []string{"httpUrl", "url", "serverUrl", "uri"} {
		text, line, ok := o.text(key, fails)
		switch {
		case !ok || text == "":
		case found.text == "":
			found = pair{key, text, line}
		default:
			o.problem(key, line, "ignored: the entry has an address in "+found.name)
		}
	}
	return found
}

// http reads a server that speaks Streamable HTTP.
func (o *fields) http(s *Server, address pair) {
	s.URL = o.target(address, "http", "https")
	s.Header = o.headers()
	o.ignored("ignored: only a server of type stdio has it", "command", "cmd", "args", "env", "environment", "envs", "env_vars", "cwd")
}

// remote reads a server of a kind that is not supported.
func (o *fields) remote(s *Server, kind string, address pair) {
	s.Other = &Other{Kind: kind, URL: o.target(address, "http", "https", "ws", "wss"), Header: o.headers()}
	o.ignored("ignored: the transport "+kind+" is not supported", "headersHelper")
}

// looksLikeSSE reports whether an address is one of the old HTTP+SSE transport, by the convention
// that FastMCP has.
func (o *fields) looksLikeSSE(address pair) bool {
	u, err := url.Parse(address.text)
	if err != nil || path.Base(u.Path) != "sse" {
		return false
	}
	o.problem(address.name, address.line,
		`treated as the old HTTP+SSE transport, since the path ends in /sse: set "type": "http" if it is not`)
	return true
}

// target returns the address with its variables filled in, "" if it is unusable.
func (o *fields) target(address pair, schemes ...string) string {
	text, ok := o.filled(address.name, address.line, address.text)
	if !ok {
		return ""
	}
	if reason := urlProblem(text, schemes...); reason != "" {
		o.fatal(address.name, address.line, reason)
		return ""
	}
	return text
}

// urlProblem says what is wrong with a URL, without quoting it, and what to do.
func urlProblem(text string, schemes ...string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "invalid URL: expected " + schemes[0] + "://host/path"
	case !slices.Contains(schemes, u.Scheme) || u.Host == "":
		return "expected a URL such as " + schemes[0] + "://host/path; its scheme must be one of " + strings.Join(schemes, ", ")
	case u.User != nil:
		return "the URL contains a user name or password: send credentials in a header"
	}
	return ""
}

// pairs returns the members of an object of strings, in the order of the file. If scalars is set,
// it also accepts numbers and booleans.
func (o *fields) pairs(key string, cost severity, scalars bool) (list []pair) {
	inner, _, ok := o.nested(key, cost)
	if !ok {
		return nil
	}
	inner.unique()
	seen := map[string]bool{}
	for _, m := range inner.members {
		if seen[m.key] {
			continue
		}
		seen[m.key] = true
		text, ok := m.value.data.(string)
		if scalars && !ok {
			switch m.value.data.(type) {
			case bool, json.Number:
				text, ok = fmt.Sprint(m.value.data), true
			}
		}
		switch {
		case ok:
			list = append(list, pair{m.key, text, m.value.line})
		case m.value.data != nil:
			cost(o, key+"."+m.key, m.value.line, "expected a string, got "+m.value.kind())
		}
	}
	return list
}

// headers reads the headers of an entry, with those that codex and FastMCP have in other keys.
func (o *fields) headers() http.Header {
	header := http.Header{}
	for _, key := range []string{"headers", "http_headers"} {
		for _, p := range o.pairs(key, fails, false) {
			if v, ok := o.filled(key+"."+p.name, p.line, p.text); ok {
				o.setHeader(header, key+"."+p.name, p.line, p.name, v)
			}
		}
	}
	for _, p := range o.pairs("env_http_headers", fails, false) {
		o.headerFromEnv(header, "env_http_headers."+p.name, p, p.name, "")
	}
	if name, line, ok := o.text("bearer_token_env_var", fails); ok {
		o.headerFromEnv(header, "bearer_token_env_var", pair{"", name, line}, "Authorization", "Bearer ")
	}
	if _, line, ok := o.text("bearer_token", fails); ok {
		o.fatal("bearer_token", line, "not supported, as in codex: set a variable and name it in bearer_token_env_var")
	}
	if len(header) == 0 {
		return nil
	}
	return header
}

// headerFromEnv sets a header to the value of the variable that p names.
func (o *fields) headerFromEnv(header http.Header, key string, p pair, name, prefix string) {
	v, err := o.env(p.text)
	if err != nil {
		o.fatal(key, p.line, err.Error())
		return
	}
	o.setHeader(header, key, p.line, name, prefix+v)
}

// header returns the headers of an entry, which it creates if necessary.
func (s *Server) header() http.Header {
	h := &s.Header
	if s.Other != nil {
		h = &s.Other.Header
	}
	if *h == nil {
		*h = http.Header{}
	}
	return *h
}

// setHeader checks and adds a header.
func (o *fields) setHeader(header http.Header, key string, line int, name, v string) {
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !httprule.IsToken(name):
		o.fatal(key, line, "invalid name of a header: expected letters, digits and hyphens")
	case !httprule.IsFieldValue(v):
		o.fatal(key, line, "the value has a line break or another control character: remove it, also from the variable")
	case isProtocolHeader(canonical):
		o.problem(key, line, "ignored: the protocol sets this header")
	case header[canonical] != nil:
		o.fatal(key, line, "the entry has this header twice: remove one of them")
	default:
		header[canonical] = []string{strings.TrimSpace(v)}
	}
}

// isProtocolHeader reports whether a session sets a header itself, and refuses it from others. Files
// have some of them for the sake of other clients.
func isProtocolHeader(canonical string) bool {
	switch canonical {
	case "Accept", "Accept-Encoding", "Content-Type", "Content-Length", "Content-Encoding", "Host", "Connection", "Transfer-Encoding", "Te",
		"Trailer", "Upgrade", "Last-Event-Id", "Mcp-Session-Id", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name":
		return true
	}
	return strings.HasPrefix(canonical, "Mcp-Param-")
}

// helper runs headersHelper, unless the entry cannot be used anyway.
func (o *fields) helper(s *Server) {
	command, line, ok := o.text("headersHelper", fails)
	switch run := o.f.loader.Helper; {
	case !ok || *o.failed || o.off || s.Other != nil:
	case run == nil:
		o.fatal("headersHelper", line, "not run: set Loader.Helper to run it, or use headers")
	default:
		o.runHelper(s, run, command, line)
	}
}

func (o *fields) runHelper(
	s *Server, run func(ctx context.Context, command, server, url string) (http.Header, error), command string, line int,
) {
	header, err := run(o.f.ctx, command, s.Name, s.URL)
	if err != nil {
		o.fatal("headersHelper", line, "the command failed: run it by hand") // the error may quote its output
		return
	}
	added := http.Header{}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if _, twice := s.HeadersFromEnv[http.CanonicalHeaderKey(name)]; twice {
			o.fatal("headersHelper", line, "headersFromEnv has a header of the command: remove one of them")
		}
		for _, v := range header[name] {
			o.setHeader(added, "headersHelper", line, name, v)
		}
	}
	maps.Copy(s.header(), added)
}
