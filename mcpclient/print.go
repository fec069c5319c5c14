package mcpclient

import (
	"fmt"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// printed is embedded in types that hold secrets and locks.
type printed = redact.Printed

// Format prints the options without header values and other secrets, for every verb.
func (o Options) Format(f fmt.State, _ rune) { redact.Write(f, o.describe()) }

// MarshalJSON returns what Format prints.
func (o Options) MarshalJSON() ([]byte, error) { return redact.JSON(o.describe()) }

// Format prints the method of the message, for every verb.
func (o Outgoing) Format(f fmt.State, _ rune) { redact.Write(f, o.describe()) }

// MarshalJSON returns what Format prints.
func (o Outgoing) MarshalJSON() ([]byte, error) { return redact.JSON(o.describe()) }

func (o Outgoing) describe() string {
	if o.d == nil {
		return "mcpclient.Outgoing()"
	}
	return "mcpclient.Outgoing(" + o.d.msg.method + ")"
}

// Format prints the settings without headers, _meta and input, for every verb.
func (s CallSettings) Format(f fmt.State, _ rune) { redact.Write(f, s.describe()) }

// MarshalJSON returns what Format prints.
func (s CallSettings) MarshalJSON() ([]byte, error) { return redact.JSON(s.describe()) }

func (s CallSettings) describe() string {
	return redact.Describe("mcpclient.CallSettings", s, "IdleTimeout", "TotalTimeout", "Tries")
}

func (o Options) describe() string {
	return redact.Describe("mcpclient.Options", o, "ClientInfo", "ProtocolVersion")
}
