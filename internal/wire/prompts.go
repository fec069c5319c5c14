package wire

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Prompt reads the definition of a prompt; see [Reader.Tool].
func (r *Reader) Prompt(p *mcp.Prompt) (raw json.RawMessage) {
	i := r.item()
	for key := range r.Members() {
		if string(key) != "arguments" {
			i.member(r, key)
			continue
		}
		p.Arguments = nil
		for range r.Elements() {
			p.Arguments = append(p.Arguments, r.promptArgument())
		}
	}
	if i.name == "" {
		r.Fail(ErrNoName)
	}
	p.Name, p.Title, p.Description, p.Icons = i.name, i.title, i.description, i.icons
	raw, p.Meta = r.bytes(&i)
	return raw
}

func (r *Reader) promptArgument() (a mcp.PromptArgument) {
	for key := range r.Members() {
		switch string(key) {
		case "name":
			a.Name = r.OptString()
		case "title":
			a.Title = r.OptString()
		case "description":
			a.Description = r.OptString()
		case "required":
			a.Required = r.OptBool()
		default:
			r.Skip()
		}
	}
	return a
}

// GetPrompt decodes the result of prompts/get.
type GetPrompt struct {
	Head
	Out     *mcp.GetPromptResult // receives the result
	Raw     *json.RawMessage     // receives the whole result if KeepRaw is set or an extension defines the result type
	KeepRaw bool
	Unknown *Unknown
}

// Decode implements [Decoder].
func (d *GetPrompt) Decode(c *jsonrpc.Cursor) {
	*d.Out, *d.Raw = mcp.GetPromptResult{}, nil
	r := d.open(c, d.Unknown, d.KeepRaw, d.Raw)
	d.read(&r)
	d.done(c, &r, d.Raw)
	d.Out.Result = d.result()
	d.Out.RequestState = d.Input.StateText()
}

func (d *GetPrompt) read(r *Reader) {
	for key := range r.Members() {
		switch string(key) {
		case "description":
			d.Out.Description = r.OptString()
		case "messages":
			d.Out.Messages = nil
			for range r.Elements() {
				d.Out.Messages = append(d.Out.Messages, r.promptMessage())
			}
		default:
			d.member(r, key)
		}
	}
}

func (r *Reader) promptMessage() (m mcp.PromptMessage) {
	for key := range r.Members() {
		switch string(key) {
		case "role":
			m.Role = r.role()
		case "content":
			m.Content = r.Content(false)
		default:
			r.Skip()
		}
	}
	if m.Content == nil {
		m.Content = r.unknown.Content("", nil, ErrNoContent)
	}
	return m
}
