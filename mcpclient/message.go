package mcpclient

import (
	"fmt"
	"iter"
	"math"
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// JSON-RPC methods of MCP that this client sends or understands.
const (
	methodInitialize    = "initialize"
	methodInitialized   = "notifications/initialized"
	methodDiscover      = "server/discover"
	methodPing          = "ping"
	methodListTools     = "tools/list"
	methodCallTool      = "tools/call"
	methodListResources = "resources/list"
	methodListTemplates = "resources/templates/list"
	methodReadResource  = "resources/read"
	methodListPrompts   = "prompts/list"
	methodGetPrompt     = "prompts/get"
	methodComplete      = "completion/complete"
	methodSetLevel      = "logging/setLevel"
	methodListen        = "subscriptions/listen"
	methodSubscribe     = "resources/subscribe"
	methodUnsubscribe   = "resources/unsubscribe"

	methodElicit    = "elicitation/create"
	methodSample    = "sampling/createMessage"
	methodListRoots = "roots/list"

	methodCancelled        = "notifications/cancelled"
	methodProgress         = "notifications/progress"
	methodLog              = "notifications/message"
	methodToolsChanged     = "notifications/tools/list_changed"
	methodPromptsChanged   = "notifications/prompts/list_changed"
	methodResourcesChanged = "notifications/resources/list_changed"
	methodResourceUpdated  = "notifications/resources/updated"
	methodAcknowledged     = "notifications/subscriptions/acknowledged"
	methodRootsChanged     = "notifications/roots/list_changed"

	methodElicitationComplete = "notifications/elicitation/complete"
)

// message is a JSON-RPC request or notification to send.
type message struct {
	method string
	params []byte // the parameters, a JSON object without _meta; nil for none
	id     int64  // new for each try of a request; 0 for a notification

	name     string // mirrored into Mcp-Name if hasName
	hasName  bool
	mirrored []streamablehttp.Param // arguments that are mirrored into headers

	meta  []byte // the user's members of _meta, without braces
	token int64  // the progress token; 0 for none
	input []byte // the members of params that hold the required input, without braces
}

// encode returns the message for one try in the given session state. The parameters are already
// encoded, and encode only copies them. level is the log level to send to a modern server, nil for
// none.
func (m *message) encode(state *sessionState, level *mcp.LoggingLevel) []byte {
	meta := state.modern() || m.token != 0 || len(m.meta) > 0
	size := len(m.params) + len(m.input) + len(m.method) + 80
	if meta {
		size += len(state.meta) + len(m.meta) + 64
	}
	b := make([]byte, 0, size)
	b = append(b, `{"jsonrpc":"2.0"`...)
	if m.id != 0 {
		b = append(b, `,"id":`...)
		b = strconv.AppendInt(b, m.id, 10)
	}
	b = append(b, `,"method":`...)
	b = jsonrpc.AppendString(b, m.method)
	if len(m.params) > 0 || len(m.input) > 0 || meta {
		b = append(b, `,"params":`...)
		b = m.appendParams(b, state, meta, level)
	}
	return append(b, '}')
}

func (m *message) appendParams(b []byte, state *sessionState, meta bool, level *mcp.LoggingLevel) []byte {
	if len(m.params) > 2 {
		b = append(b, m.params[:len(m.params)-1]...)
	} else {
		b = append(b, '{')
	}
	if len(m.input) > 0 && state.modern() {
		b = append(appendComma(b), m.input...)
	}
	if !meta {
		return append(b, '}')
	}
	b = append(appendComma(b), `"_meta":{`...)
	if state.modern() {
		b = append(b, state.meta...)
		if level != nil {
			b = append(b, `,"`+mcp.MetaKeyLogLevel+`":`...)
			b = jsonrpc.AppendString(b, string(*level))
		}
	}
	if m.token != 0 {
		b = append(appendComma(b), `"progressToken":`...)
		b = strconv.AppendInt(b, m.token, 10)
	}
	if len(m.meta) > 0 {
		b = append(appendComma(b), m.meta...)
	}
	return append(b, "}}"...)
}

// setMeta adds a member to the user's _meta, or replaces it.
func (m *message) setMeta(key string, value []byte) error {
	if reservedMeta(key) {
		return fmt.Errorf("_meta key %q is set by the protocol", key)
	}
	if m.userMeta(key) != nil {
		m.meta = withoutMember(m.meta, key)
	}
	if len(m.meta) > 0 {
		m.meta = append(m.meta, ',')
	}
	m.meta = append(append(jsonrpc.AppendString(m.meta, key), ':'), value...)
	return nil
}

// userMeta returns a member of the user's _meta, nil if the user did not set it.
func (m *message) userMeta(key string) (value []byte) {
	if len(m.meta) == 0 {
		return nil
	}
	for name, raw := range members(m.meta) {
		if name == key {
			value = raw
		}
	}
	return value
}

// withoutMember returns a copy of the members of an object, without braces, except for one.
func withoutMember(object []byte, without string) []byte {
	rest := make([]byte, 0, len(object))
	for name, raw := range members(object) {
		if name == without {
			continue
		}
		if len(rest) > 0 {
			rest = append(rest, ',')
		}
		rest = append(append(jsonrpc.AppendString(rest, name), ':'), raw...)
	}
	return rest
}

// members yields the members of an object, which is given without its braces. The object is ours,
// so it is valid.
func members(object []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		cur := jsonrpc.NewCursor(append(append([]byte{'{'}, object...), '}'), math.MaxInt)
		cur.EnterObject()
		for key, ok := cur.NextKey(); ok; key, ok = cur.NextKey() {
			name := string(key)
			if !yield(name, cur.Skip()) {
				return
			}
		}
	}
}

// appendComma adds a comma unless the next member is the first of its object.
func appendComma(b []byte) []byte {
	if b[len(b)-1] == '{' {
		return b
	}
	return append(b, ',')
}
