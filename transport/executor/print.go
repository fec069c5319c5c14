package executor

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// printed is embedded in Transport, because Transport holds locks. It prints as a fixed text.
type printed = redact.Printed

// Format prints the options without tokens and keys, for every verb.
func (o Options) Format(f fmt.State, _ rune) {
	redact.Write(f, redact.Describe("executor.Options", o, "ClientName"))
}

// MarshalJSON returns what Format prints.
func (o Options) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("executor.Options", o, "ClientName"))
}

// Format prints the header field without its prefix, which may be part of a secret.
func (f HeaderFromEnv) Format(state fmt.State, _ rune) {
	redact.Write(state, redact.Describe("executor.HeaderFromEnv", f, "Origin", "Name", "Variable"))
}

// MarshalJSON returns what Format prints.
func (f HeaderFromEnv) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("executor.HeaderFromEnv", f, "Origin", "Name", "Variable"))
}
