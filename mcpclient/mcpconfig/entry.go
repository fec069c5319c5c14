package mcpconfig

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// entry reads one entry. ok says that it can be used: no problem with it is fatal.
func (f *file) entry(m listed) (s Server, ok bool) {
	name := m.key
	inner, isObject := m.value.data.(*object)
	o := &fields{f: f, server: name, object: inner, failed: new(bool)}
	switch {
	case !isObject:
		o.fatal("", m.value.line, "expected an object, got "+m.value.kind())
		return s, false
	case name == "" || len(name) > maxName:
		o.fatal("", m.value.line, fmt.Sprintf("the name of a server must have 1 to %d bytes", maxName))
		return s, false
	}
	s.Name = name
	s.Disabled = o.disabled() || f.layout.isOff(name)
	o.off = s.Disabled
	o.reach(&s, m.value.line)
	o.tools(&s)
	o.timeouts(&s, m.seconds || o.isCline())
	s.Required, _ = o.flag("required", loses)
	o.oauth(&s)
	o.own(&s)
	o.others()
	o.helper(&s)
	o.authorization(&s)
	o.done(loses)
	return s, !*o.failed
}

// disabled reads the keys that turn an entry off. One that cannot be read turns it off, too: the
// problem is fatal.
func (o *fields) disabled() bool {
	enabled, isSet := o.flag("enabled", fails)
	disabled, _ := o.flag("disabled", fails)
	return isSet && !enabled || disabled
}

const consentIgnored = "ignored: consent that was given to another program does not count here; use hawser.approve"

// others accounts for keys that have no meaning here.
func (o *fields) others() {
	o.ignored(consentIgnored, "trust", "trusted", "autoApprove", "alwaysAllow")
	o.ignored("ignored: it is not supported", "oauth_resource", "oauth_headers", "authentication", "sse_read_timeout", "sseReadTimeout",
		"customUserVars", "proxy", "envFile", "sandbox", "sandboxEnabled", "dev", "experimental_environment")
	for _, key := range []string{"apiKey", "obo"} { // LibreChat
		if v, ok := o.get(key); ok {
			o.fatal(key, v.line, "not supported: give the credential in headers")
		}
	}
	if kind, line, ok := o.text("authProviderType", loses); ok && kind != "dynamic_discovery" { // Gemini CLI
		o.fatal("authProviderType", line, "not supported: give the credential in headers")
	}
	o.silent("targetAudience", "targetServiceAccount", "name", "display_name", "title", "description", "icon", "iconPath", "gallery",
		"version", "note", "metadata", "remoteConfigured", "bundled", "source", "remote", "chatMenu", "serverInstructions", "startup",
		"keep_alive", "supports_parallel_tool_calls", "alwaysLoad", "isDefaultServer", "deferTools", "stderr")
}

// kinds are the types of servers that products write.
var kinds = map[string]string{
	"http": "http", "streamablehttp": "http", "remote": "http",
	"sse": "sse", "ws": "ws", "websocket": "ws",
	"stdio": "stdio", "local": "stdio",
	"builtin": "goose", "platform": "goose", "frontend": "goose", "inlinepython": "goose",
}

// kind returns the type that an entry has: "http", "sse", "ws", "stdio" or "" if it says nothing.
func (o *fields) kind() (kind string, ok bool) {
	for _, key := range []string{"type", "transport", "transportType"} {
		text, line, isSet := o.text(key, fails)
		if !isSet {
			continue
		}
		known := kinds[strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(text))]
		if known == "" || known == "goose" {
			reason := "unknown type: expected http, sse, ws or stdio"
			if known == "goose" {
				reason = "left out: it is a part of goose and not a server"
			}
			o.fatal(key, line, reason)
			return "", false
		}
		if kind != "" && kind != "http" && kind != known { // VS Code: type http and transport sse
			o.fatal(key, line, "contradicts the key type: remove one of them")
			return "", false
		}
		kind = known
	}
	return kind, true
}

// reachKeys are the keys that say where a server is.
var reachKeys = []string{
	"type", "transport", "transportType", "url", "httpUrl", "serverUrl", "uri", "headers", "http_headers", "env_http_headers",
	"bearer_token_env_var", "bearer_token", "command", "cmd", "args", "env", "environment", "envs", "env_vars", "env_keys", "cwd",
}

// reach reads where the server is: its address and headers, or its command.
func (o *fields) reach(s *Server, line int) {
	place := o
	if v, _ := o.object.get("transport"); v.data != nil {
		if inner, isObject := v.data.(*object); isObject { // Cline's command line
			o.silent("transport")
			place = o.in("transport", inner)
			defer func() { place.done(loses) }()
		}
	}
	place.silent(reachKeys...)
	kind, ok := place.kind()
	if !ok {
		return
	}
	address := place.address()
	command, isSet := place.command()
	switch {
	case *o.failed && address.text == "" && !isSet: // what is wrong with them is reported
	case kind == "" && address.text != "" && isSet:
		place.fatal("command", line, "the entry has an address and a command: remove one of them, or set type")
	case kind == "stdio" && !isSet:
		place.fatal("command", line, "missing: a server of type stdio needs a command")
	case kind == "stdio", kind == "" && isSet:
		s.Other = place.program(command, line)
	case address.text == "":
		reason := "missing: the entry needs a url or a command"
		if _, isSet := o.get("settings"); isSet {
			reason = "missing: an extension of Zed has the server, and only Zed can reach it"
		}
		place.fatal("url", line, reason)
	case kind == "" && (strings.HasPrefix(address.text, "ws://") || strings.HasPrefix(address.text, "wss://")):
		place.remote(s, "ws", address)
	case kind == "" && place.looksLikeSSE(address):
		place.remote(s, "sse", address)
	case kind == "sse" || kind == "ws":
		place.remote(s, kind, address)
	default:
		place.http(s, address)
	}
}

// command returns the words of a command.
func (o *fields) command() (words []string, ok bool) {
	for _, key := range []string{"command", "cmd"} {
		v, isSet := o.get(key)
		if !isSet {
			continue
		}
		if text, isText := v.data.(string); isText {
			return []string{text}, text != ""
		}
		if _, isArray := v.data.([]value); isArray { // opencode
			words, _, ok = o.texts(key, fails)
			return words, ok && len(words) > 0
		}
		o.fatal(key, v.line, "expected a string, got "+v.kind())
	}
	return nil, false
}

// program returns a stdio server.
func (o *fields) program(command []string, line int) *Other {
	other := &Other{Kind: "stdio"}
	words := command
	if args, argsLine, ok := o.texts("args", fails); ok {
		words, line = slices.Concat(command, args), argsLine
	}
	for i, word := range words {
		key := "args"
		if i == 0 {
			key = "command"
		}
		words[i], _ = o.filled(key, line, word)
	}
	other.Command, other.Args = words[0], words[1:]
	for _, key := range []string{"env", "environment", "envs"} {
		for _, p := range o.pairs(key, fails, true) {
			if other.Env == nil {
				other.Env = map[string]string{}
			}
			other.Env[p.name], _ = o.filled(key+"."+p.name, p.line, p.text)
		}
	}
	other.Dir, _, _ = o.expanded("cwd", fails)
	o.ignored("ignored: a server of type stdio has none", "url", "headers", "http_headers", "env_http_headers", "bearer_token_env_var", "headersHelper")
	return other
}

// tools reads which tools may be used.
func (o *fields) tools(s *Server) {
	for _, key := range []string{"enabled_tools", "includeTools", "available_tools"} {
		if list, _, ok := o.texts(key, fails); ok && (len(list) > 0 || key != "available_tools") {
			s.Allow = append(nonNil(s.Allow), literals(list)...)
		}
	}
	for _, key := range []string{"disabled_tools", "excludeTools", "disabledTools"} {
		list, _, _ := o.texts(key, fails)
		s.Deny = append(s.Deny, literals(list)...)
	}
	v, ok := o.get("tools")
	switch tools := v.data.(type) {
	case []value: // Copilot
		list, _, _ := o.texts("tools", fails)
		if !slices.Contains(list, "*") {
			s.Allow = append(nonNil(s.Allow), literals(list)...)
		}
	case *object:
		o.toolObjects(s, tools)
	default:
		if ok {
			o.fatal("tools", v.line, "expected an array of strings, got "+v.kind())
		}
	}
	o.approvalMode(s, "*", "default_tools_approval_mode")
}

// approvalMode reads a mode of codex. Only its demand to ask counts.
func (o *fields) approvalMode(s *Server, pattern, key string) {
	mode, line, ok := o.text(key, fails)
	switch {
	case !ok:
	case mode == "prompt":
		s.approve(pattern, Ask)
	default:
		o.problem(key, line, consentIgnored)
	}
}

// toolObjects reads settings of single tools, of codex and FastMCP.
func (o *fields) toolObjects(s *Server, tools *object) {
	list := o.in("tools", tools)
	list.unique()
	for _, m := range tools.members {
		tool, _, ok := list.nested(m.key, fails)
		if !ok {
			continue
		}
		if enabled, isSet := tool.flag("enabled", fails); isSet && !enabled {
			s.Deny = append(s.Deny, literal(m.key))
		}
		tool.approvalMode(s, literal(m.key), "approval_mode")
		tool.ignored("ignored: changed definitions of tools are not supported", "name", "title", "description", "tags", "meta", "arguments")
		tool.done(loses)
	}
}

func nonNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// literals returns patterns for exactly these tools.
func literals(list []string) []string {
	patterns := make([]string, len(list))
	for i, name := range list {
		name, _, _ = strings.Cut(name, "(") // Gemini CLI: the beginning of a call
		patterns[i] = literal(name)
	}
	return patterns
}

// timeouts reads the timeouts of other products.
func (o *fields) timeouts(s *Server, seconds bool) {
	s.ConnectTimeout = cmp.Or(o.span("startup_timeout_sec", time.Second), o.span("startup_timeout_ms", time.Millisecond), o.span("initTimeout", time.Millisecond))
	s.CallTimeout = o.span("tool_timeout_sec", time.Second)
	unit := time.Millisecond
	if seconds {
		unit = time.Second
	}
	v, ok := o.get("timeout")
	if inner, isObject := v.data.(*object); ok && isObject { // version 2 of opencode
		both := o.in("timeout", inner)
		s.ConnectTimeout, s.CallTimeout = both.span("startup", time.Millisecond), both.span("request", time.Millisecond)
		both.done(loses)
		return
	}
	if d := o.span("timeout", unit); d > 0 {
		s.CallTimeout = d
	}
}

// span reads a number of units. Without a usable one, it returns 0.
func (o *fields) span(key string, unit time.Duration) time.Duration {
	n, line, ok := o.number(key, loses)
	d := n * float64(unit)
	switch {
	case !ok || n == 0:
		return 0
	case d > float64(math.MaxInt64/2):
		o.problem(key, line, "too long: the default counts")
		return 0
	case unit == time.Millisecond && d < float64(time.Second):
		o.problem(key, line, "ignored: less than a second. The unit is milliseconds; use hawser.connectTimeout or hawser.callTimeout")
		return 0
	}
	return time.Duration(d)
}

// isCline reports whether an entry has keys of Cline, whose timeouts are in seconds.
func (o *fields) isCline() bool {
	for _, key := range []string{"autoApprove", "alwaysAllow", "transportType", "remoteConfigured"} {
		if _, ok := o.object.get(key); ok {
			return true
		}
	}
	kind, _ := o.object.get("type")
	transport, _ := o.object.get("transport")
	_, nested := transport.data.(*object)
	return kind.data == "streamableHttp" || nested
}
