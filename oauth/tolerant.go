package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"

	"github.com/hawser-mcp/hawser/internal/redact"
)

// decodable is the target of decode.
type decodable interface {
	// strict returns the members that must not be ignored: those that the client cannot do
	// without, and those that only protect if they are read.
	strict() []string
}

func (*ResourceMetadata) strict() []string {
	return []string{"resource", "authorization_servers", "dpop_bound_access_tokens_required"}
}

func (*ServerMetadata) strict() []string {
	return []string{"issuer", "authorization_endpoint", "token_endpoint", "authorization_response_iss_parameter_supported"}
}

func (registration) strict() []string { return []string{"client_id", "client_secret", "error"} }

func (tokenReply) strict() []string { return []string{"access_token", "error"} }

// errNoJSON says that a text is not JSON.
var errNoJSON = errors.New("invalid JSON")

// decode decodes a JSON object into out. It ignores a byte-order mark, and members of a wrong type
// unless they are strict. Its error is a [*DocumentError] without URL for such a member, else
// errNoJSON.
func decode(text []byte, out decodable) error {
	text = withoutMark(text)
	err := json.Unmarshal(text, out)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &wrong):
		return errNoJSON
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return errNoJSON // not an object
	}
	for name, value := range members {
		for _, strict := range out.strict() {
			if !strings.EqualFold(name, strict) {
				continue
			}
			alone, err := json.Marshal(map[string]json.RawMessage{name: value})
			if err == nil {
				err = json.Unmarshal(alone, out)
			}
			if errors.As(err, &wrong) {
				return &DocumentError{
					Reason: strict + " has the wrong type", Wanted: jsonType(wrong.Type), Found: redact.Clean(wrong.Value, maxHost),
				}
			}
		}
	}
	return nil
}

// jsonType returns the JSON type that is decoded into t.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "array"
	case reflect.Bool:
		return "bool"
	default:
		return "string"
	}
}

// withoutMark returns a text without a byte-order mark.
func withoutMark(text []byte) []byte { return bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) }

// readScope reads a scope: a text or, from some servers, an array of texts. It leaves out invalid
// scopes, which may hold characters that control a terminal. It returns nil if there is no scope or
// if it is of another type.
func readScope(raw json.RawMessage) []string {
	var text *string
	var list []string
	switch {
	case json.Unmarshal(raw, &text) == nil && text != nil:
		return append([]string{}, validScopes(strings.Fields(*text))...)
	case json.Unmarshal(raw, &list) == nil && list != nil:
		return append([]string{}, validScopes(list)...)
	}
	return nil
}
