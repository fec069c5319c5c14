// Package oauth connects to MCP servers that require authorization. A [Client] wraps any
// [http.RoundTripper] and attaches tokens to the requests for one protected resource. It also
// obtains and renews these tokens (MCP authorization, OAuth 2.1, RFC 9728, RFC 8414, RFC 7591, RFC
// 8707, RFC 9207, RFC 9449).
//
//	auth, err := oauth.NewClient("https://mcp.example.com/mcp", &oauth.Config{Login: &loopback.Login{}})
//	defer auth.Close()
//	session, err := mcpclient.Connect(ctx, "https://mcp.example.com/mcp", &mcpclient.Options{Auth: auth})
//
// Any other HTTP client, such as that of another MCP SDK, logs in with one line:
//
//	client := &http.Client{Transport: auth.LoginRoundTripper(nil)}
//
// Tokens that the program has already are a Grant, [StaticToken] or [FromTokenSource]. Code that
// wants a token source of golang.org/x/oauth2 gets it from [Client.TokenSource].
package oauth
