package mcpclient

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// Nearly all servers describe themselves in a plain form: known members appear once, spelled
// exactly, with values of the usual types. The functions in this file decode this form without
// reflection, which would take a quarter of the allocations of Connect. They fail for any other
// form. encoding/json and the lenient types then decide what it means.

// errNotPlain is the error of a Cursor at something that is not in plain form.
var errNotPlain = errors.New("not in plain form")

// isPlain decodes data with read, and reports whether data is in plain form.
func isPlain(data []byte, read func(c *jsonrpc.Cursor)) bool {
	c := jsonrpc.NewCursor(data, 0)
	read(&c)
	c.End()
	return c.Err() == nil
}

// plainMembers reads an object. It calls read for each member with a name in names, with the index
// of the name. It fails if such a member is repeated, or if encoding/json would take another name
// for one in names.
func plainMembers(c *jsonrpc.Cursor, names []string, read func(i int)) {
	seen := 0
	c.EnterObject()
	for key, ok := c.NextKey(); ok; key, ok = c.NextKey() {
		switch i, exact := memberIndex(names, key); {
		case i < 0:
			c.Skip()
		case !exact || seen&(1<<i) != 0:
			c.Fail(errNotPlain)
		default:
			seen |= 1 << i
			read(i)
		}
	}
}

// memberIndex returns the index of the name that encoding/json takes key for, or −1. exact says that
// they are equal.
func memberIndex(names []string, key []byte) (i int, exact bool) {
	for i, name := range names {
		if string(key) == name {
			return i, true
		}
	}
	for i, name := range names {
		if strings.EqualFold(name, string(key)) {
			return i, false
		}
	}
	return -1, false
}

// decode decodes the result of initialize.
func (r *initializeResult) decode(data []byte) error {
	if isPlain(data, r.plain) {
		return nil
	}
	*r = initializeResult{}
	return json.Unmarshal(data, r)
}

var initializeMembers = []string{"protocolVersion", "capabilities", "serverInfo", "instructions"}

func (r *initializeResult) plain(c *jsonrpc.Cursor) {
	plainMembers(c, initializeMembers, func(i int) {
		switch i {
		case 0:
			r.ProtocolVersion = c.String()
		case 1:
			r.Capabilities.plain(c)
		case 2:
			r.ServerInfo.plain(c)
		case 3:
			r.Instructions = lenientText(c.String())
		}
	})
}

// decode decodes the result of server/discover.
func (r *discoverResult) decode(data []byte) error {
	if isPlain(data, r.plain) {
		return nil
	}
	*r = discoverResult{}
	return json.Unmarshal(data, r)
}

var discoverMembers = []string{"supportedVersions", "capabilities", "serverInfo", "instructions", "_meta"}

func (r *discoverResult) plain(c *jsonrpc.Cursor) {
	plainMembers(c, discoverMembers, func(i int) {
		switch i {
		case 0:
			r.SupportedVersions = []string{}
			c.EnterArray()
			for c.NextElement() {
				r.SupportedVersions = append(r.SupportedVersions, c.String())
			}
		case 1:
			r.Capabilities.plain(c)
		case 2:
			r.ServerInfo.plain(c)
		case 3:
			r.Instructions = lenientText(c.String())
		case 4:
			plainMembers(c, infoKey, func(int) {
				r.Meta.info = new(lenientInfo)
				r.Meta.info.plain(c)
			})
		}
	})
}

var infoKey = []string{"io.modelcontextprotocol/serverInfo"}

var infoMembers = []string{"name", "version", "title", "description", "websiteUrl", "icons"}

func (l *lenientInfo) plain(c *jsonrpc.Cursor) {
	texts := [...]*string{&l.Name, &l.Version, &l.Title, &l.Description, &l.WebsiteURL}
	plainMembers(c, infoMembers, func(i int) {
		if i < len(texts) {
			*texts[i] = c.String()
		} else if icons := c.Skip(); json.Unmarshal(icons, &l.Icons) != nil {
			c.Fail(errNotPlain)
		}
	})
}

var capabilityMembers = []string{
	"tools", "prompts", "resources", "logging", "completions",
	"extensions", "experimental", "sampling", "elicitation", "roots", "tasks",
}

func (l *lenientCaps) plain(c *jsonrpc.Cursor) {
	var yes struct{}
	plainMembers(c, capabilityMembers, func(i int) {
		switch {
		case c.Kind() != jsonrpc.Object:
			c.Fail(errNotPlain)
		case i == 0:
			l.Tools = &struct {
				ListChanged bool `json:"listChanged,omitempty"`
			}{plainFlags(c, flagMembers[:1])[0]}
		case i == 1:
			l.Prompts = &struct {
				ListChanged bool `json:"listChanged,omitempty"`
			}{plainFlags(c, flagMembers[:1])[0]}
		case i == 2:
			flags := plainFlags(c, flagMembers)
			l.Resources = &struct {
				Subscribe   bool `json:"subscribe,omitempty"`
				ListChanged bool `json:"listChanged,omitempty"`
			}{flags[1], flags[0]}
		case i == 3:
			l.Logging = &yes
			c.Skip()
		case i == 4:
			l.Completions = &yes
			c.Skip()
		default: // rare
			l.member(jsonrpc.AppendString(nil, capabilityMembers[i]), c.Skip())
		}
	})
}

var flagMembers = []string{"listChanged", "subscribe"}

// plainFlags reads an object with these boolean members.
func plainFlags(c *jsonrpc.Cursor, names []string) (flags [2]bool) {
	plainMembers(c, names, func(i int) { flags[i] = c.Bool() })
	return flags
}
