package mcpclient

import (
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/internal/jsonrpc"
)

// initializeParams encodes the parameters of initialize.
func (o *Options) initializeParams(version string) ([]byte, error) {
	b := append(make([]byte, 0, 192), `{"protocolVersion":`...)
	b = append(jsonrpc.AppendString(b, version), `,"capabilities":`...)
	b, err := appendCapabilities(b, o.capabilities(EraLegacy, version))
	if err != nil {
		return nil, err
	}
	if b, err = appendInfo(append(b, `,"clientInfo":`...), &o.ClientInfo); err != nil {
		return nil, err
	}
	return append(b, '}'), nil
}

// appendCapabilities appends the encoded capabilities of a client to b. After an error, b is
// unchanged. Most clients have no capabilities to declare.
func appendCapabilities(b []byte, c mcp.ClientCapabilities) ([]byte, error) {
	if c.Extensions == nil && c.Experimental == nil && c.Roots == nil && c.Sampling == nil && c.Elicitation == nil && c.Tasks == nil {
		return append(b, "{}"...), nil
	}
	data, err := json.Marshal(c)
	return append(b, data...), err
}

// appendInfo appends what a client tells about itself to b. After an error, b is unchanged.
func appendInfo(b []byte, info *mcp.Implementation) ([]byte, error) {
	if len(info.Icons) > 0 {
		data, err := json.Marshal(info)
		return append(b, data...), err
	}
	b = jsonrpc.AppendString(append(b, `{"name":`...), info.Name)
	b = jsonrpc.AppendString(append(b, `,"version":`...), info.Version)
	for _, optional := range [...]struct{ member, value string }{
		{`,"title":`, info.Title}, {`,"description":`, info.Description}, {`,"websiteUrl":`, info.WebsiteURL},
	} {
		if optional.value != "" {
			b = jsonrpc.AppendString(append(b, optional.member...), optional.value)
		}
	}
	return append(b, '}'), nil
}
