package oauth

// Client obtains and keeps the tokens of one protected resource.
type Client struct{}
