package mcpclient

import (
	"encoding/json"
	"slices"
)

// VisibleToModel reports whether a model may see and call the tool. It returns false only for a
// tool of the extension MCP Apps whose _meta.ui.visibility is a list without "model", because such
// a tool is for the user interface alone (MCP Apps 2026-01-26, "Visibility"). A client that declares
// this extension must not show such a tool to a model. The server decides what it lists here: this
// is not access control.
func (t *Tool) VisibleToModel() bool {
	if t.Meta == nil {
		return true
	}
	ui, err := json.Marshal(t.Meta.AdditionalFields["ui"])
	if err != nil {
		return true
	}
	var visibility []any
	if json.Unmarshal(member(ui, "visibility"), &visibility) != nil || visibility == nil {
		return true
	}
	return slices.Contains(visibility, any("model"))
}
