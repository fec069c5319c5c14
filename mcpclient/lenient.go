package mcpclient

import (
	"bytes"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// initializeResult is the result of initialize. Only the revision must be of its type.
type initializeResult struct {
	ProtocolVersion string      `json:"protocolVersion"`
	Capabilities    lenientCaps `json:"capabilities"`
	ServerInfo      lenientInfo `json:"serverInfo"`
	Instructions    lenientText `json:"instructions"`
}

// lenientCaps reads capabilities one by one. Servers written in PHP send [] for {}, and some list
// their tools there: a capability of a wrong type counts as declared without settings.
type lenientCaps struct{ mcp.ServerCapabilities }

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (l *lenientCaps) UnmarshalJSON(data []byte) error {
	eachMember(data, func(name, value json.RawMessage) {
		if !unmarshalMember(&l.ServerCapabilities, name, value) || string(value) == "null" {
			_ = unmarshalMember(&l.ServerCapabilities, name, []byte("{}"))
		}
	})
	return nil
}

// lenientInfo reads how a server introduces itself, member by member. Numbers become text.
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

// maxInfo bounds a value that is kept as text though it is none, in bytes.
const maxInfo = 64

// lenientText is a text; anything else is "".
type lenientText string

// UnmarshalJSON implements json.Unmarshaler. It does not fail.
func (l *lenientText) UnmarshalJSON(data []byte) error {
	_ = json.Unmarshal(data, (*string)(l))
	return nil
}

// eachMember calls f for each member of an object, with its name as JSON. Anything else has none.
func eachMember(data []byte, f func(name, value json.RawMessage)) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(data, &members)
	for name, value := range members {
		f(jsonrpc.AppendString(nil, name), value)
	}
}

// unmarshalMember sets one member of a struct, or leaves all of it as it was.
func unmarshalMember[T any](to *T, name, value json.RawMessage) bool {
	next := *to
	object := bytes.Join([][]byte{[]byte("{"), name, []byte(":"), value, []byte("}")}, nil)
	if json.Unmarshal(object, &next) != nil {
		return false
	}
	*to = next
	return true
}
