package mcpclient

import (
	"bytes"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// initializeResult is the result of initialize. Only the revision must have the right JSON type.
type initializeResult struct {
	ProtocolVersion string      `json:"protocolVersion"`
	Capabilities    lenientCaps `json:"capabilities"`
	ServerInfo      lenientInfo `json:"serverInfo"`
	Instructions    lenientText `json:"instructions"`
}

// lenientCaps decodes capabilities one by one. Servers written in PHP send [] for {}, and some
// servers list their tools in the capability. So a capability of a wrong type counts as declared
// without settings.
type lenientCaps struct{ mcp.ServerCapabilities }

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (l *lenientCaps) UnmarshalJSON(data []byte) error {
	eachMember(data, l.member)
	return nil
}

// member decodes one capability. The name is passed as JSON.
func (l *lenientCaps) member(name, value json.RawMessage) {
	if !unmarshalMember(&l.ServerCapabilities, name, value) || string(value) == "null" {
		_ = unmarshalMember(&l.ServerCapabilities, name, []byte("{}"))
	}
}

// lenientInfo decodes a server's name, version and other details, one member at a time. Numbers
// become strings.
type lenientInfo struct{ mcp.Implementation }

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (l *lenientInfo) UnmarshalJSON(data []byte) error {
	eachMember(data, func(name, value json.RawMessage) {
		if !unmarshalMember(&l.Implementation, name, value) {
			text := jsonrpc.AppendString(nil, string(value))
			_ = len(value) <= maxInfo && value[0] != '{' && value[0] != '[' && unmarshalMember(&l.Implementation, name, text)
		}
	})
	return nil
}

// maxInfo bounds a value that is not a JSON string but is kept as text, in bytes.
const maxInfo = 64

// lenientText is a JSON string. Any other value decodes to "".
type lenientText string

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (l *lenientText) UnmarshalJSON(data []byte) error {
	_ = json.Unmarshal(data, (*string)(l))
	return nil
}

// eachMember calls f for each member of a JSON object. The name is passed as JSON. If data is not
// an object, eachMember does not call f.
func eachMember(data []byte, f func(name, value json.RawMessage)) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members)
	for name, value := range members {
		f(jsonrpc.AppendString(nil, name), value)
	}
}

// unmarshalMember decodes one member into the struct and reports whether it succeeded. If the
// member does not decode, the struct is unchanged.
func unmarshalMember[T any](to *T, name, value json.RawMessage) bool {
	next := *to
	object := bytes.Join([][]byte{[]byte("{"), name, []byte(":"), value, []byte("}")}, nil)
	if json.Unmarshal(object, &next) != nil {
		return false
	}
	*to = next
	return true
}
