package mcpclient

import (
	"errors"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// promptsPageDecoder decodes the result of prompts/list.
type promptsPageDecoder struct {
	pageHead
	out *PromptsPage
}

func (d *promptsPageDecoder) decode(c *jsonrpc.Cursor) {
	d.pageHead, *d.out = pageHead{}, PromptsPage{}
	r := jsonReader{Cursor: *c}
	for key := range r.members() {
		if string(key) != "prompts" {
			d.member(&r, key)
			continue
		}
		d.out.Prompts = nil
		for range r.elements() {
			d.out.Prompts = listed(&r, &d.pageHead, d.out.Prompts, (*jsonReader).prompt)
		}
	}
	d.out.PageInfo = d.info()
	*c = r.Cursor
}

// prompt reads the definition of a prompt, as tool does that of a tool.
func (r *jsonReader) prompt() (p Prompt) {
	raw, item := r.split()
	p.Raw = raw
	for key := range item.members() {
		switch string(key) {
		case "name":
			p.Name = item.optString()
		case "title":
			p.Title = item.optString()
		case "description":
			p.Description = item.optString()
		case "arguments":
			p.Arguments = nil
			for range item.elements() {
				p.Arguments = append(p.Arguments, item.promptArgument())
			}
		case "icons":
			p.Icons = item.icons()
		case "_meta":
			p.Meta = item.meta()
		default:
			item.Skip()
		}
	}
	if p.Name == "" {
		item.Fail(errNoName)
	}
	r.join(&item)
	return p
}

func (r *jsonReader) promptArgument() (a mcp.PromptArgument) {
	for key := range r.members() {
		switch string(key) {
		case "name":
			a.Name = r.optString()
		case "title":
			a.Title = r.optString()
		case "description":
			a.Description = r.optString()
		case "required":
			a.Required = r.optBool()
		default:
			r.Skip()
		}
	}
	return a
}

// getPromptDecoder decodes the result of prompts/get.
type getPromptDecoder struct {
	resultHead
	out     *GetPromptResult
	keepRaw bool
}

func (d *getPromptDecoder) decode(c *jsonrpc.Cursor) {
	*d.out = GetPromptResult{}
	r := d.open(c, d.keepRaw, &d.out.Raw)
	d.read(&r)
	d.done(c, &r, &d.out.Raw)
	d.out.Result = d.result()
	d.out.RequestState = d.input.stateText
}

func (d *getPromptDecoder) read(r *jsonReader) {
	for key := range r.members() {
		switch string(key) {
		case "description":
			d.out.Description = r.optString()
		case "messages":
			d.out.Messages = nil
			for range r.elements() {
				d.out.Messages = append(d.out.Messages, r.promptMessage())
			}
		default:
			d.member(r, key)
		}
	}
}

var errNoContent = errors.New(`no "content"`)

func (r *jsonReader) promptMessage() (m mcp.PromptMessage) {
	for key := range r.members() {
		switch string(key) {
		case "role":
			m.Role = r.role()
		case "content":
			m.Content = r.content(false)
		default:
			r.Skip()
		}
	}
	if m.Content == nil {
		m.Content = UnknownContent{Err: errNoContent}
	}
	return m
}
