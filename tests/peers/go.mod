module github.com/hawser-mcp/hawser/tests/peers

go 1.25.5

replace github.com/hawser-mcp/hawser => ../..

require (
	github.com/hawser-mcp/hawser v0.0.0
	github.com/mark3labs/mcp-go v1.2.1
)

require (
	github.com/cenkalti/backoff/v4 v4.3.0 // indirect
	github.com/google/jsonschema-go v0.4.2 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // indirect
	github.com/spf13/cast v1.7.1 // indirect
	github.com/yosida95/uritemplate/v3 v3.0.2 // indirect
	golang.org/x/text v0.14.0 // indirect
)
