package toolspec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/toolspec"
)

// The list of tools for a request to a model. The schema has alternatives at its root, which the
// API would refuse.
func ExampleDialect_Encode() {
	var tools []mcpclient.Tool // from Session.Tools
	err := json.Unmarshal([]byte(`[{"name": "issue.close", "description": "Closes an issue.", "inputSchema": {
		"type": "object",
		"properties": {"id": {"type": "integer"}, "url": {"type": "string"}},
		"anyOf": [{"required": ["id"]}, {"required": ["url"]}]
	}}]`), &tools)
	if err != nil {
		log.Fatal(err)
	}
	functions := toolspec.Functions("github", tools)
	if err := toolspec.Anthropic.Check(functions); err != nil {
		log.Fatal(err)
	}
	list, misfits, err := toolspec.Anthropic.Encode(functions)
	if err != nil {
		log.Fatal(err)
	}
	for _, misfit := range misfits {
		log.Printf("%s is left out: %s", misfit.Name, misfit.Reason)
	}
	fmt.Println(string(list))
	// Output:
	// [{"description":"Closes an issue.\n\nGive the arguments of one of: id; url.","input_schema":{"properties":{"id":{"type":"integer"},"url":{"type":"string"}},"type":"object"},"name":"github__issue_close_b41118a3"}]
}

// The model learns what is known of a call whose answer was lost.
func ExampleAnswerOf() {
	lost := &mcpclient.Error{
		Kind: mcpclient.KindOutcomeUnknown, Method: "tools/call", Outcome: mcpclient.Unknown, Err: errors.New("connection reset"),
	}
	answer := toolspec.AnswerOf(nil, lost, 0)
	fmt.Println(answer.Text)

	closed := new(mcpclient.CallToolResult) // from Session.CallTool
	closed.Content = []mcp.Content{mcp.TextContent{Type: "text", Text: "closed"}}
	message, err := toolspec.AnswerOf(closed, nil, 0).Encode(toolspec.OpenAIChat, "call_1", "github__issue_close_b41118a3")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(message))
	// Output:
	// The call failed. The tool may have run: its answer was lost. Find out whether it did before you call it again.
	// Error: mcp tools/call: outcome unknown: connection reset
	// {"content":"closed","role":"tool","tool_call_id":"call_1"}
}

// The name of a function depends on the two names only.
func ExampleName() {
	fmt.Println(toolspec.Name("github", "create_issue"))
	fmt.Println(toolspec.Name("My servers", "issue.create"))
	// Output:
	// github__create_issue
	// My_servers_c6e7c38e__issue_create_706368ec
}
