package transport

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Format prints the options without keys, for every verb.
func (o DirectOptions) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("transport.DirectOptions", o))
}

// MarshalJSON returns what Format prints.
func (o DirectOptions) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("transport.DirectOptions", o))
}

// Format prints only the type, for every verb: the fields hold proxies and keys.
func (*direct) Format(f fmt.State, _ rune) { redact.Write(f, "transport.Direct") }

// MarshalJSON returns what Format prints.
func (*direct) MarshalJSON() ([]byte, error) { return redact.JSON("transport.Direct") }
