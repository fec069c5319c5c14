package oauth

import (
	"fmt"
	"log/slog"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// redacted is printed in place of secrets, for every verb.
const redacted = redact.Text

// printed is embedded in Client and makes it print as the origin of the resource. Client has no
// Format method of its own, because it contains locks.
type printed = redact.Printed

// Format prints the configuration without secrets, for every verb.
func (cfg Config) Format(f fmt.State, _ rune) { redact.Write(f, cfg.describe()) }

// MarshalJSON returns what Format prints.
func (cfg Config) MarshalJSON() ([]byte, error) { return redact.JSON(cfg.describe()) }

func (cfg Config) describe() string { return redact.Describe("oauth.Config", cfg, "Scopes", "Issuer") }

// Format hides the client and its base, for every verb.
func (*roundTripper) Format(f fmt.State, _ rune) { redact.Write(f, "oauth.RoundTripper") }

// MarshalJSON returns what Format prints.
func (*roundTripper) MarshalJSON() ([]byte, error) { return redact.JSON("oauth.RoundTripper") }

// Format hides the client and its base, for every verb.
func (*loginRoundTripper) Format(f fmt.State, _ rune) { redact.Write(f, "oauth.LoginRoundTripper") }

// MarshalJSON returns what Format prints.
func (*loginRoundTripper) MarshalJSON() ([]byte, error) {
	return redact.JSON("oauth.LoginRoundTripper")
}

// Format hides the tokens, for every verb.
func (s *source) Format(f fmt.State, _ rune) { redact.Write(f, "oauth."+s.name) }

// LogValue hides the tokens.
func (s *source) LogValue() slog.Value { return slog.StringValue("oauth." + s.name) }

// MarshalJSON returns what Format prints.
func (s *source) MarshalJSON() ([]byte, error) { return redact.JSON("oauth." + s.name) }

// Format hides the client, for every verb.
func (*tokenSource) Format(f fmt.State, _ rune) { redact.Write(f, "oauth.TokenSource") }

// MarshalJSON returns what Format prints.
func (*tokenSource) MarshalJSON() ([]byte, error) { return redact.JSON("oauth.TokenSource") }

// Format hides the stored values, for every verb.
func (*memoryStore) Format(f fmt.State, _ rune) { redact.Write(f, "oauth memory store") }

// MarshalJSON returns what Format prints.
func (*memoryStore) MarshalJSON() ([]byte, error) { return redact.JSON("oauth memory store") }
