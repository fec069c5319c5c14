package mcpclient

// JSON-RPC methods of MCP that this client sends or understands.
const (
	methodInitialize    = "initialize"
	methodInitialized   = "notifications/initialized"
	methodDiscover      = "server/discover"
	methodPing          = "ping"
	methodListTools     = "tools/list"
	methodCallTool      = "tools/call"
	methodListResources = "resources/list"
	methodListTemplates = "resources/templates/list"
	methodReadResource  = "resources/read"
	methodListPrompts   = "prompts/list"
	methodGetPrompt     = "prompts/get"
	methodComplete      = "completion/complete"
	methodSetLevel      = "logging/setLevel"
	methodListen        = "subscriptions/listen"
	methodSubscribe     = "resources/subscribe"
	methodUnsubscribe   = "resources/unsubscribe"

	methodElicit    = "elicitation/create"
	methodSample    = "sampling/createMessage"
	methodListRoots = "roots/list"

	methodCancelled        = "notifications/cancelled"
	methodProgress         = "notifications/progress"
	methodLog              = "notifications/message"
	methodToolsChanged     = "notifications/tools/list_changed"
	methodPromptsChanged   = "notifications/prompts/list_changed"
	methodResourcesChanged = "notifications/resources/list_changed"
	methodResourceUpdated  = "notifications/resources/updated"
	methodAcknowledged     = "notifications/subscriptions/acknowledged"
	methodRootsChanged     = "notifications/roots/list_changed"

	methodElicitationComplete = "notifications/elicitation/complete"
)
