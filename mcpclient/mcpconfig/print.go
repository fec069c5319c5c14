package mcpconfig

import (
	"cmp"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Error returns the problem in one line, such as
//
//	mcp.json:7: server "github": headers.Authorization: the variable GITHUB_TOKEN is not set
//
// without the parts that are unknown.
func (p Problem) Error() string {
	var b strings.Builder
	place := cmp.Or(p.File, "configuration")
	if p.Line > 0 {
		place += ":" + strconv.Itoa(p.Line)
	}
	b.WriteString(place + ": ")
	if p.Server != "" {
		fmt.Fprintf(&b, "server %q: ", p.Server)
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	return b.String() + p.Reason
}

// Format prints the entry with the scheme and host of its URL, and without strings that may be secrets,
// for every verb.
func (s Server) Format(f fmt.State, _ rune) { redact.Write(f, s.describe()) }

// MarshalJSON returns what Format prints.
func (s Server) MarshalJSON() ([]byte, error) { return redact.JSON(s.describe()) }

func (s Server) describe() string {
	s.URL = origin(s.URL)
	return redact.Describe("mcpconfig.Server", s, "Name", "URL", "Executor")
}

// Format prints the settings without their strings, for every verb.
func (a OAuth) Format(f fmt.State, _ rune) { redact.Write(f, a.describe()) }

// MarshalJSON returns what Format prints.
func (a OAuth) MarshalJSON() ([]byte, error) { return redact.JSON(a.describe()) }

func (a OAuth) describe() string {
	return redact.Describe("mcpconfig.OAuth", a)
}

// Format prints the entry without values that may be secrets, for every verb.
func (o Other) Format(f fmt.State, _ rune) { redact.Write(f, o.describe()) }

// MarshalJSON returns what Format prints.
func (o Other) MarshalJSON() ([]byte, error) { return redact.JSON(o.describe()) }

func (o Other) describe() string {
	o.URL = origin(o.URL)
	return redact.Describe("mcpconfig.Other", o, "Kind", "URL")
}

// Format prints the executor without Token, for every verb.
func (e Executor) Format(f fmt.State, _ rune) { redact.Write(f, e.describe()) }

// MarshalJSON returns what Format prints.
func (e Executor) MarshalJSON() ([]byte, error) { return redact.JSON(e.describe()) }

func (e Executor) describe() string {
	e.URL = origin(e.URL)
	return redact.Describe("mcpconfig.Executor", e, "URL")
}

// origin returns the scheme and host of a URL. Some servers have a secret in the path of theirs.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// Format prints the loader without the values of Vars, for every verb.
func (l Loader) Format(f fmt.State, _ rune) { redact.Write(f, l.describe()) }

// MarshalJSON returns what Format prints.
func (l Loader) MarshalJSON() ([]byte, error) { return redact.JSON(l.describe()) }

func (l Loader) describe() string { return redact.Describe("mcpconfig.Loader", l) }

// Format prints the input without values that may be its answer, for every verb.
func (in Input) Format(f fmt.State, _ rune) { redact.Write(f, in.describe()) }

// MarshalJSON returns what Format prints.
func (in Input) MarshalJSON() ([]byte, error) { return redact.JSON(in.describe()) }

func (in Input) describe() string { return redact.Describe("mcpconfig.Input", in, "ID", "Type") }
