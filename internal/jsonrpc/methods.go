package jsonrpc

// knownMethods are the methods that an MCP server may send to a client (2025-03-26 to 2026-07-28).
var knownMethods = func() map[string]string {
	known := map[string]string{}
	for _, name := range []string{
		"notifications/progress", "notifications/message", "notifications/cancelled", "notifications/resources/updated",
		"notifications/resources/list_changed", "notifications/tools/list_changed", "notifications/prompts/list_changed",
		"notifications/subscriptions/acknowledged", "notifications/elicitation/complete", "notifications/tasks/status",
		"ping", "sampling/createMessage", "elicitation/create", "roots/list", "tasks/get", "tasks/list", "tasks/result",
		"tasks/cancel",
	} {
		known[name] = name
	}
	return known
}()

// internMethod returns the name of a method as a string. A known method is not allocated.
func internMethod(name []byte) string {
	if known, ok := knownMethods[string(name)]; ok {
		return known
	}
	return string(name)
}
