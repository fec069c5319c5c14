// Package group connects an agent to many MCP servers. A [Group] connects them in the background,
// tells a model what it may call, routes the model's calls, and brings back servers that were down.
// One server that is slow, dead or locked does not affect the others.
//
//	g, err := group.New(config.Servers, nil)      // see package mcpconfig
//	if err != nil { … }
//	defer g.Close()
//	err = g.Wait(ctx)                             // about required servers only
//	functions, generation := g.Functions()
//	list, misfits, err := toolspec.Anthropic.Encode(functions)
//	…                                             // the model calls a function by its name
//	result, err := g.Call(ctx, name, arguments)
//	answer := toolspec.AnswerOf(result, err, 0)
//
// The group never repeats a call. Its sessions do, if that is safe; see [mcpclient.Session]. A call
// that the group could not make is a [*CallError], with a text that a model understands.
//
// Names are those of package toolspec: they do not depend on which servers are up, so the list of
// functions stays the same when a server goes down, and a saved conversation remains valid.
//
// What a server does is its [State], and an [Observer] follows all of them.
package group
