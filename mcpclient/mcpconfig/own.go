package mcpconfig

import (
	"net/http"
	"path"

	"github.com/hawser-mcp/hawser/internal/httprule"
)

// own reads the settings under the key hawser. All of them limit what a server may do, so an
// unknown key is fatal.
func (o *fields) own(s *Server) {
	h, _, ok := o.nested("hawser", fails)
	if !ok {
		h = o.in("hawser", &object{})
	}
	if list, line, ok := h.texts("allow", fails); ok {
		s.Allow = append(nonNil(s.Allow), list...)
		h.checkPatterns("allow", line, list)
	}
	if list, line, ok := h.texts("deny", fails); ok {
		s.Deny = append(s.Deny, list...)
		h.checkPatterns("deny", line, list)
	}
	h.approve(s)
	if d := h.duration("connectTimeout"); d > 0 {
		s.ConnectTimeout = d
	}
	if d := h.duration("callTimeout"); d > 0 {
		s.CallTimeout = d
	}
	if required, ok := h.flag("required", fails); ok {
		s.Required = required
	}
	h.executor(s)
	h.done(fails)
	for _, key := range []string{"include_tags", "exclude_tags"} { // FastMCP
		if v, ok := o.get(key); ok && s.Allow == nil {
			o.fatal(key, v.line, "tags are not supported: name the tools in hawser.allow")
		}
	}
}

func (o *fields) checkPatterns(key string, line int, patterns []string) {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil || p == "" {
			o.fatal(key, line, `invalid pattern: expected a name with *, ? or [a-z], and \ before such a character that is meant literally`)
			return
		}
	}
}

func (o *fields) approve(s *Server) {
	for _, p := range o.pairs("approve", fails, false) {
		rule, known := ruleNames[p.text]
		if !known {
			o.fatal("approve."+p.name, p.line, `unknown rule: expected "auto", "ask" or "never"`)
			continue
		}
		o.checkPatterns("approve."+p.name, p.line, []string{p.name})
		s.approve(p.name, rule)
	}
}

func (s *Server) approve(pattern string, rule Rule) {
	if s.Approve == nil {
		s.Approve = map[string]Rule{}
	}
	s.Approve[pattern] = rule
}

// executor reads which executor sends the requests, and the headers that it fills in.
func (o *fields) executor(s *Server) {
	name, line, ok := o.text("executor", fails)
	usable, declared := o.f.executors[name]
	switch {
	case !ok:
	case !declared:
		o.fatal("executor", line, "not declared: expected one of "+names(o.f.executors)+"; add it to executors under the key hawser of the file")
	case !usable:
		o.fatal("executor", line, "not usable: see the problem with hawser.executors")
	default:
		s.Executor = name
	}
	for _, p := range o.pairs("headersFromEnv", fails, false) {
		key := "headersFromEnv." + p.name
		canonical := http.CanonicalHeaderKey(p.name)
		_, twice := s.HeadersFromEnv[canonical]
		switch {
		case !ok:
			o.fatal(key, p.line, "needs an executor, whose environment has the variable: set executor, or use headers")
		case !httprule.IsToken(p.name):
			o.fatal(key, p.line, "invalid name of a header: expected letters, digits and hyphens")
		case !variableName.MatchString(p.text):
			o.fatal(key, p.line, "expected the name of a variable")
		case twice || s.Header[canonical] != nil:
			o.fatal(key, p.line, "the entry has this header twice: remove one of them")
		default:
			if s.HeadersFromEnv == nil {
				s.HeadersFromEnv = map[string]string{}
			}
			s.HeadersFromEnv[canonical] = p.text
		}
	}
}

// readExecutors reads the executors that a file declares. Of several with one name, the first
// counts.
func (f *file) readExecutors() {
	root := &fields{f: f, object: f.root, failed: new(bool)}
	h, _, ok := root.nested("hawser", loses)
	if !ok {
		return
	}
	if list, _, ok := h.nested("executors", loses); ok {
		for _, m := range list.members {
			if _, declared := f.executors[m.key]; declared {
				list.problem(m.key, m.value.line, "ignored: an executor with this name is already declared; rename one of them")
				continue
			}
			list.failed = new(bool)
			e, ok := list.readExecutor(m.key)
			if f.executors[m.key] = ok; ok {
				f.cfg.Executors[m.key] = e
			}
		}
	}
	h.done(loses)
}

// readExecutor reads one executor. Its problems are fatal for the entries that name it.
func (o *fields) readExecutor(name string) (e Executor, ok bool) {
	x, line, ok := o.nested(name, loses)
	if !ok {
		return e, false
	}
	address, at, isSet := x.expanded("url", fails)
	switch {
	case !isSet && !*x.failed:
		x.fatal("url", line, "missing: expected the address of the executor, such as ws://127.0.0.1:8765")
	case isSet:
		if reason := urlProblem(address, "ws", "wss"); reason != "" {
			x.fatal("url", at, reason)
		}
	}
	e.URL = address
	e.Token, _, _ = x.expanded("token", fails)
	if variable, line, ok := x.text("tokenEnv", fails); ok {
		v, err := x.env(variable)
		if err != nil {
			x.fatal("tokenEnv", line, err.Error())
		}
		e.Token = v
	}
	x.done(loses)
	return e, !*x.failed
}
