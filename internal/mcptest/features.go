package mcptest

import (
	"encoding/json"
	"slices"
	"strconv"
)

// Tool is one tool.
type Tool struct {
	Name        string
	Description string
	Schema      string // schema of the input; "" accepts any object
	Output      string // schema of the structured content; "" for none
	Annotations map[string]any
	Meta        json.RawMessage // _meta; nil for none
	// Mirrored maps header names to the top-level arguments that a modern call must repeat in
	// Mcp-Param headers. Schema should agree with it.
	Mirrored map[string]string
	// Run implements the tool. Nil returns the arguments as text.
	Run ToolFunc
}

func (t *Tool) definition() map[string]any {
	schema := t.Schema
	if schema == "" {
		schema = `{"type":"object"}`
	}
	d := map[string]any{"name": t.Name, "description": t.Description, "inputSchema": json.RawMessage(schema)}
	if t.Output != "" {
		d["outputSchema"] = json.RawMessage(t.Output)
	}
	if t.Meta != nil {
		d["_meta"] = t.Meta
	}
	if t.Annotations != nil {
		d["annotations"] = t.Annotations
	}
	return d
}

// Resource is one text resource.
type Resource struct {
	URI, Name, Text string
	// Run, if not nil, returns the whole result of resources/read, in either era.
	Run ToolFunc
}

// Prompt is a prompt with one message.
type Prompt struct {
	Name, Text string
	// Run, if not nil, returns the whole result of prompts/get, in either era.
	Run ToolFunc
}

// Template is one resource template. Empty fields are omitted, except the first two.
type Template struct{ URITemplate, Name, Title, Description, MIMEType string }

func (t *Template) definition() map[string]any {
	d := map[string]any{"uriTemplate": t.URITemplate, "name": t.Name}
	for member, value := range map[string]string{"title": t.Title, "description": t.Description, "mimeType": t.MIMEType} {
		if value != "" {
			d[member] = value
		}
	}
	return d
}

// Text returns a tool result with one text content block.
func Text(text string) json.RawMessage {
	return encode(map[string]any{"content": []any{map[string]any{"type": "text", "text": text}}})
}

func (s *Server) capabilities() map[string]any {
	if s.Capabilities != nil {
		return s.Capabilities
	}
	changes, resources := map[string]any{"listChanged": true}, map[string]any{"listChanged": true}
	if s.CanSubscribe {
		resources["subscribe"] = true
	}
	all := map[string]any{"tools": changes, "prompts": changes, "resources": resources, "logging": map[string]any{}}
	if s.Complete != nil {
		all["completions"] = map[string]any{}
	}
	return all
}

func (s *Server) tool(name string) *Tool {
	return find(s.Tools, func(t *Tool) bool { return t.Name == name })
}

func (s *Server) prompt(name string) Prompt {
	return find(s.Prompts, func(p Prompt) bool { return p.Name == name })
}

func (s *Server) resource(uri string) Resource {
	return find(s.Resources, func(r Resource) bool { return r.URI == uri })
}

// find returns the first item that matches, or the zero value.
func find[T any](items []T, match func(T) bool) (item T) {
	if i := slices.IndexFunc(items, match); i >= 0 {
		return items[i]
	}
	return item
}

// legacyCursor returns the cursor of a page.
func legacyCursor(page int) string { return "page " + strconv.Itoa(page) }

// modernCursor returns the cursor of a page. The second page has the cursor "", to test that
// clients accept an empty cursor.
func modernCursor(page int) string {
	if page == 1 {
		return ""
	}
	return legacyCursor(page)
}

// page returns one page of a list. The cursor in the request's parameters selects the page.
func (s *Server) page(m *Message, key string, items []any) (any, *Error) {
	var params struct {
		Cursor *string `json:"cursor"`
	}
	if len(m.Params) > 0 && json.Unmarshal(m.Params, &params) != nil {
		return nil, &Error{Code: CodeInvalidParams, Message: "params"}
	}
	size := s.PageSize
	if size <= 0 {
		size = max(len(items), 1)
	}
	index := 0
	if params.Cursor != nil {
		for index = 1; index*size < len(items) && s.Cursor(index) != *params.Cursor; index++ {
		}
		if index*size >= len(items) {
			return nil, &Error{Code: CodeInvalidParams, Message: "no such cursor"}
		}
	}
	end := min((index+1)*size, len(items))
	result := map[string]any{key: items[index*size : end]}
	if end < len(items) {
		result["nextCursor"] = s.Cursor(index + 1)
	}
	return s.complete(result), nil
}

// complete adds the members that every modern result has.
func (s *Server) complete(result map[string]any) map[string]any {
	if s.Era == Modern {
		result["resultType"] = "complete"
	}
	return result
}

// feature answers the requests that are the same in both eras.
func (s *Server) feature(m *Message) (any, *Error) {
	items := []any{}
	switch m.Method {
	case "tools/list":
		for _, t := range s.Tools {
			items = append(items, t.definition())
		}
		return s.page(m, "tools", items)
	case "resources/list":
		for _, r := range s.Resources {
			items = append(items, map[string]any{"uri": r.URI, "name": r.Name})
		}
		return s.page(m, "resources", items)
	case "resources/templates/list":
		templates := s.Templates
		if templates == nil {
			templates = []Template{{URITemplate: "file:///{path}", Name: "files"}}
		}
		for _, t := range templates {
			items = append(items, t.definition())
		}
		return s.page(m, "resourceTemplates", items)
	case "prompts/list":
		for _, p := range s.Prompts {
			items = append(items, map[string]any{"name": p.Name})
		}
		return s.page(m, "prompts", items)
	case "completion/complete":
		return s.completion(m)
	}
	return s.item(m)
}

// item answers a request for one resource or prompt.
func (s *Server) item(m *Message) (any, *Error) {
	var params struct {
		Name      string            `json:"name"`
		URI       string            `json:"uri"`
		Arguments map[string]string `json:"arguments"`
	}
	_ = json.Unmarshal(m.Params, &params) // invalid parameters match no item
	switch m.Method {
	case "resources/read":
		if r := s.resource(params.URI); r.URI != "" {
			return s.complete(map[string]any{"contents": []any{map[string]any{"uri": r.URI, "text": r.Text}}}), nil
		}
		return nil, &Error{Code: CodeInvalidParams, Message: "no such resource"}
	case "prompts/get":
		if p := s.prompt(params.Name); p.Name != "" {
			content := map[string]any{"type": "text", "text": p.Text + params.Arguments["topic"]}
			return s.complete(map[string]any{"messages": []any{map[string]any{"role": "user", "content": content}}}), nil
		}
		return nil, &Error{Code: CodeInvalidParams, Message: "no such prompt"}
	}
	return nil, &Error{Code: CodeMethodNotFound, Message: "Method not found"}
}

// completion answers completion/complete, which is the same in both eras.
func (s *Server) completion(m *Message) (any, *Error) {
	if s.Complete == nil {
		return nil, &Error{Code: CodeMethodNotFound, Message: "Method not found"}
	}
	var params struct {
		Ref struct {
			Type string  `json:"type"`
			Name *string `json:"name"`
			URI  *string `json:"uri"`
		} `json:"ref"`
		Argument struct {
			Name  *string `json:"name"`
			Value *string `json:"value"`
		} `json:"argument"`
	}
	err := json.Unmarshal(m.Params, &params)
	named := params.Ref.Type == "ref/prompt" && params.Ref.Name != nil || params.Ref.Type == "ref/resource" && params.Ref.URI != nil
	if err != nil || !named || params.Argument.Name == nil || params.Argument.Value == nil {
		s.violation("completion/complete without a reference or an argument")
		return nil, &Error{Code: CodeInvalidParams, Message: "params"}
	}
	result, err := s.Complete(m.Params)
	if err != nil {
		return nil, asError(err)
	}
	if s.Era == Modern {
		result = withResultType(result)
	}
	return result, nil
}
