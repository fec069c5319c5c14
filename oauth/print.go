package oauth

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// redacted replaces everything secret when it is printed, whatever the verb.
const redacted = redact.Text

// printed is embedded in Client, because Client holds locks. It prints as the origin of the
// resource.
type printed = redact.Printed

// Format prints the configuration without secrets, whatever the verb.
func (cfg Config) Format(f fmt.State, _ rune) { redact.Write(f, cfg.describe()) }

// MarshalJSON returns what Format prints.
func (cfg Config) MarshalJSON() ([]byte, error) { return redact.JSON(cfg.describe()) }

func (cfg Config) describe() string { return redact.Describe("oauth.Config", cfg, "Scopes", "Issuer") }

// Format hides the client and its base, whatever the verb.
func (*roundTripper) Format(f fmt.State, _ rune) { redact.Write(f, "oauth.RoundTripper") }

// MarshalJSON returns what Format prints.
func (*roundTripper) MarshalJSON() ([]byte, error) { return redact.JSON("oauth.RoundTripper") }

// Format hides what is stored, whatever the verb.
func (*memoryStore) Format(f fmt.State, _ rune) { redact.Write(f, "oauth memory store") }

// MarshalJSON returns what Format prints.
func (*memoryStore) MarshalJSON() ([]byte, error) { return redact.JSON("oauth memory store") }
