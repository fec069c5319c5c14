package toolspec

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// Function is a tool in the form that models know. Everything but Name and Server comes from the
// server.
type Function struct {
	// Name is what the model calls the function; see [Name]. You may put a prefix before it, as
	// long as the dialect accepts the result.
	Name string
	// Server is the name of the server in the configuration, and Tool is the tool's name there.
	// Call the function with these.
	Server, Tool string
	// Title is for users, "" if the server sent none.
	Title string
	// Description tells the model what the function does.
	Description string
	// Parameters is the exact input schema, and Output the exact output schema, nil if there is
	// none.
	Parameters, Output json.RawMessage
	// Annotations are the server's claims, such as that the tool only reads. A hostile server may
	// claim anything.
	Annotations mcp.ToolAnnotation
	// Fingerprint changes when the tool's definition does. Compare it with that of the definition
	// that the user approved.
	Fingerprint string
}

// Functions returns the functions of a server's tools, sorted by name. The order of the tools does
// not matter. If two tools have the same function name, the first one by its own name keeps it, and
// the other gets another hash. If the list has two tools with one name, only one of them is
// returned, since a call could not choose between them.
//
// Functions leaves out the tools that are not meant for models: those whose _meta.ui.visibility is a
// list without "model" (MCP Apps 2026-01-26, "Visibility").
func Functions(server string, tools []mcpclient.Tool) []Function {
	visible := make([]*mcpclient.Tool, 0, len(tools))
	names := make([]string, 0, len(tools))
	for i := range tools {
		if t := &tools[i]; visibleToModel(t) {
			visible, names = append(visible, t), append(names, t.Name)
		}
	}
	assigned := assign(server, names)
	functions := make([]Function, 0, len(visible))
	for _, t := range visible {
		functions = append(functions, Function{
			Name: assigned[t.Name], Server: server, Tool: t.Name,
			Title: cmp.Or(t.Title, t.Annotations.Title), Description: t.Description,
			Parameters: t.InputSchema(), Output: t.OutputSchema(),
			Annotations: t.Annotations, Fingerprint: t.Fingerprint(),
		})
	}
	slices.SortFunc(functions, func(a, b Function) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return slices.CompactFunc(functions, func(a, b Function) bool { return a.Name == b.Name })
}

// visibleToModel reports whether a tool is meant for models. Only a list without "model" says that it
// is not.
func visibleToModel(t *mcpclient.Tool) bool {
	if t.Meta == nil {
		return true
	}
	text, err := json.Marshal(t.Meta.AdditionalFields["ui"])
	if err != nil {
		return true
	}
	var ui map[string]json.RawMessage
	var visibility []any
	if json.Unmarshal(text, &ui) != nil || json.Unmarshal(ui["visibility"], &visibility) != nil || visibility == nil {
		return true
	}
	return slices.Contains(visibility, any("model"))
}
