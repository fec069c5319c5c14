package executor

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

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

// Format prints only the type, for every verb: the options hold secrets.
func (*Transport) Format(f fmt.State, _ rune) { redact.Write(f, "executor.Transport") }

// MarshalJSON returns what Format prints.
func (*Transport) MarshalJSON() ([]byte, error) { return redact.JSON("executor.Transport") }
