// Package toolspec turns MCP tools into the functions of a model's API, and results into messages
// for the model. It needs no SDK of a vendor: it writes the JSON that the APIs expect.
//
//	functions := toolspec.Functions("github", tools)
//	list, misfits, err := toolspec.Anthropic.Encode(functions)
//	...                                        // the model calls functions[i] with arguments
//	result, err := session.CallTool(ctx, functions[i].Tool, arguments)
//	answer := toolspec.AnswerOf(result, err, 0)
//	message, err := answer.Encode(toolspec.Anthropic, callID, functions[i].Name)
//
// An API refuses the whole request if it refuses one function in it. So [Functions] gives each
// function a name that every API accepts, and [Dialect.Encode] rewrites schemas that an API would
// refuse. A rewritten schema accepts every object that the server's schema accepts, so a model can
// make every call that the server allows. A function that cannot be rewritten is left out and
// reported as a [Misfit].
//
// The order of a server's list does not affect the output, since a changed list invalidates the
// prompt caches of model providers.
//
// Names, descriptions, schemas and results come from servers. A model treats them as instructions,
// so show tools of servers that you do not trust to the user first, and again when
// [Function].Fingerprint changes.
package toolspec
