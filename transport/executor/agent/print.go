package agent

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// printed is embedded in Listener, because Listener holds locks. It prints as a fixed text.
type printed = redact.Printed

// Format prints the options without token and keys, whatever the verb.
func (o Options) Format(f fmt.State, _ rune) { redact.Write(f, redact.Describe("agent.Options", o)) }

// MarshalJSON returns what Format prints.
func (o Options) MarshalJSON() ([]byte, error) {
	return redact.JSON(redact.Describe("agent.Options", o))
}
