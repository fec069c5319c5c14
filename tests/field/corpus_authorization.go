package field

const metadataPath = "/.well-known/oauth-protected-resource/mcp"

// authorize is an honest authorization server.
func (s *Server) authorize(x *Exchange) { x.reply(404, "", "") }

var authorization []Quirk
