package group

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

const (
	// maxPinServers bounds the servers of a pins file.
	maxPinServers = 1_000
	// maxPinTools bounds the tools of one server.
	maxPinTools = 10_000
	// maxPinBytes bounds what one server takes in the file, so that a hostile server leaves room for
	// the others.
	maxPinBytes = 8 << 20
	// maxPinFile bounds the file, in bytes.
	maxPinFile = 64 << 20
	// pinOverhead is more than what surrounds names, definition and fingerprint in the file.
	pinOverhead = 160
)

// LimitError says that pins exceed a limit: 1,000 servers; 10,000 tools and 8 MiB for one server;
// 64 MiB for a file.
type LimitError struct {
	// Server is the server whose pins are too large, "" if the limit is that of the file.
	Server string
	// What is what the limit counts, such as "tools".
	What  string
	Limit int
}

// Error says which limit was exceeded.
func (e *LimitError) Error() string {
	if e.Server == "" {
		return fmt.Sprintf("pins exceed %d %s", e.Limit, e.What)
	}
	return fmt.Sprintf("pins of server %q exceed %d %s", e.Server, e.Limit, e.What)
}

// pin is an accepted definition. It is kept encoded, which is small and shares nothing with a list.
type pin struct {
	fingerprint string
	definition  json.RawMessage // a definition
}

// definition is what a pin keeps of a function: what a user should see, and a model needs.
type definition struct {
	Name        string             `json:"name"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Parameters  json.RawMessage    `json:"parameters,omitempty"`
	Output      json.RawMessage    `json:"output,omitempty"`
	Annotations mcp.ToolAnnotation `json:"annotations,omitzero"`
}

func newPin(f *toolspec.Function) (pin, error) {
	text, err := encode(definition{f.Tool, f.Title, f.Description, f.Parameters, f.Output, f.Annotations})
	return pin{f.Fingerprint, text}, err
}

// function returns the function of a pin, with the name that it has in most lists.
func (p pin) function(server string) toolspec.Function {
	var d definition
	_ = json.Unmarshal(p.definition, &d) // it is what newPin wrote, or was decoded before
	return toolspec.Function{
		Name: toolspec.Name(server, d.Name), Server: server, Tool: d.Name, Title: d.Title, Description: d.Description,
		Parameters: d.Parameters, Output: d.Output, Annotations: d.Annotations, Fingerprint: p.fingerprint,
	}
}

// encode returns a value as compact JSON that people can read.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// book is the accepted definitions of all servers. The zero value is an empty book.
type book struct {
	servers map[string]*serverPins
	size    int // an upper bound of the bytes in the file
}

// serverPins is the definitions of a server's tools. The zero value has none.
type serverPins struct {
	tools map[string]pin
	size  int // an upper bound of the bytes in the file
}

func (b *book) knows(server string) bool { return b.servers[server] != nil }

func (b *book) pin(server, tool string) (p pin, pinned bool) {
	if b.knows(server) {
		p, pinned = b.servers[server].tools[tool]
	}
	return p, pinned
}

// know adds a server without tools, unless it is known. Its error is a LimitError.
func (b *book) know(server string) error {
	size := sizeOf(server)
	switch {
	case b.knows(server):
		return nil
	case len(b.servers) >= maxPinServers:
		return &LimitError{What: "servers", Limit: maxPinServers}
	case b.size+size > maxPinFile-pinOverhead:
		return &LimitError{What: "bytes", Limit: maxPinFile}
	case b.servers == nil:
		b.servers = make(map[string]*serverPins)
	}
	b.servers[server] = new(serverPins)
	b.size += size
	return nil
}

// put sets the definition of a tool. Its error is a LimitError, and then no definition has changed.
func (b *book) put(server, tool string, p pin) error {
	if err := b.know(server); err != nil {
		return err
	}
	pins := b.servers[server]
	before := pins.size
	if b.size+pins.growth(tool, p) > maxPinFile-pinOverhead {
		return &LimitError{What: "bytes", Limit: maxPinFile}
	}
	err := pins.put(server, tool, p)
	b.size += pins.size - before
	return err
}

// put is like that of a book, with the limits of one server.
func (s *serverPins) put(server, tool string, p pin) error {
	growth := s.growth(tool, p)
	_, pinned := s.tools[tool]
	switch {
	case !pinned && len(s.tools) >= maxPinTools:
		return &LimitError{server, "tools", maxPinTools}
	case s.size+growth > maxPinBytes:
		return &LimitError{server, "bytes", maxPinBytes}
	case s.tools == nil:
		s.tools = make(map[string]pin)
	}
	s.tools[tool] = p
	s.size += growth
	return nil
}

// growth returns by how much put changes the size.
func (s *serverPins) growth(tool string, p pin) int {
	old, pinned := s.tools[tool]
	if pinned {
		return p.size() - old.size()
	}
	return sizeOf(tool) + p.size()
}

// remove removes a tool that the server may not have.
func (s *serverPins) remove(tool string) {
	if p, ok := s.tools[tool]; ok {
		s.size -= sizeOf(tool) + p.size()
		delete(s.tools, tool)
	}
}

func (p pin) size() int { return len(p.definition) + len(p.fingerprint) }

// sizeOf returns an upper bound of what a name and the text around it take in the file.
func sizeOf(name string) int {
	text, _ := encode(name) // a string can be encoded
	return len(text) + pinOverhead
}
