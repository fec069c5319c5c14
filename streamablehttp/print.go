package streamablehttp

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// printed formats Conn. Conn holds locks, so it cannot have value methods.
type printed = redact.Printed

// Format prints the configuration without header values, for every verb.
func (c Config) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("streamablehttp.Config", c))
}

// MarshalJSON returns what Format prints.
func (c Config) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("streamablehttp.Config", c))
}

// Format prints the revision and whether there is a session ID, for every verb.
func (s Session) Format(f fmt.State, _ rune) { redact.Write(f, s.describe()) }

// MarshalJSON returns what Format prints.
func (s Session) MarshalJSON() ([]byte, error) { return redact.JSON(s.describe()) }

func (s Session) describe() string {
	return fmt.Sprintf("streamablehttp.Session{Version:%s Modern:%t InSession:%t}", s.version, s.modern, s.id != "")
}

// Format prints the request without header values, arguments and body, for every verb.
func (r Request) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("streamablehttp.Request", r, "Method"))
}

// MarshalJSON returns what Format prints.
func (r Request) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("streamablehttp.Request", r, "Method"))
}

// Format prints the name without the value, for every verb.
func (p Param) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("streamablehttp.Param", p, "Name"))
}

// MarshalJSON returns what Format prints.
func (p Param) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("streamablehttp.Param", p, "Name"))
}
