package httprule

import "strings"

// OpensStream reports whether a request with this method and header opens a stream that is meant to
// stay open: the GET of the legacy MCP revisions, or subscriptions/listen of the modern one, whose
// method is in Mcp-Method. Keys of the header are in canonical form.
func OpensStream(method string, header map[string][]string) bool {
	switch method {
	case "", "GET":
		return strings.Contains(first(header["Accept"]), "text/event-stream")
	case "POST":
		return first(header["Mcp-Method"]) == "subscriptions/listen"
	}
	return false
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}
