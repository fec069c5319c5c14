package group

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// Format prints the options without what their transports hold, for every verb.
func (o Options) Format(f fmt.State, _ rune) { redact.Write(f, o.describe()) }

// MarshalJSON returns what Format prints.
func (o Options) MarshalJSON() ([]byte, error) { return redact.JSON(o.describe()) }

func (o Options) describe() string { return redact.Describe("group.Options", o, "Prefix") }
