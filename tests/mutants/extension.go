package main

// extensionMutants are defects in extensions and in what a strict session refuses.
var extensionMutants = []mutant{
	{
		name: "a result of an unknown type is the end of the call", file: "internal/verdict/verdict.go",
		old:  `e.Answers && !errors.As(e.Err, &unfinal) {`,
		new:  `e.Answers || errors.As(e.Err, &unfinal) {`,
		test: "TestUnknownResultTypeIsNotComplete", pkg: "mcpclient",
	},
	{
		name: "an extension claims its result type for each method", file: "mcpclient/claim.go",
		old:  `if claim.Method == c.msg.method && claim.ResultType`,
		new:  `if claim.ResultType`,
		test: "TestUnclaimedResultType",
	},
	{
		name: "a claim without Resolve is an empty result", file: "mcpclient/claim.go",
		old:  `case claim.Resolve == nil && !c.returnsClaimed():`,
		new:  `case false:`,
		test: "TestClaimIsLeftToTheCaller",
	},
	{
		name: "a call whose result was not resolved did not run", file: "mcpclient/claim.go",
		old:  `c.past = verdict.Unknown // the`,
		new:  `c.past = verdict.NotRun // the`,
		test: "TestClaimThatFails",
	},
	{
		name: "what an extension made of a result need not be complete", file: "mcpclient/claim.go",
		old:  `if !c.result.Common().Kind.IsComplete() {`,
		new:  `if false {`,
		test: "TestClaimThatFails",
	},
	{
		name: "Close does not end the work of an extension", file: "mcpclient/claim.go",
		old:  `defer context.AfterFunc(c.s.root, func() { cancel(ErrClosed) })()`,
		new:  ``,
		test: "TestClaimEndsWithTheCall",
	},
	{
		name: "an extension is declared in revisions that do not have it", file: "mcpclient/extension.go",
		old: `if version < e.Since {
			continue
		}`,
		new:  ``,
		test: "TestExtensionSinceARevision",
	},
	{
		name: "requests of extensions have no Mcp-Name", file: "mcpclient/request.go",
		old:  `c.mirrorNamed()`,
		new:  ``,
		test: "TestExtensionNames",
	},
	{
		name: "a strict session calls what the server did not declare", file: "mcpclient/call.go",
		old: `if err := s.checkDeclared(c.state, c.msg.method); err != nil {
		return err
	}
	`,
		new:  ``,
		test: "TestStrict",
	},
	{
		name: "CallTool does not check the output of a tool", file: "mcpclient/strict.go",
		old:  `if !s.opts.CheckOutput {`,
		new:  `if true {`,
		test: "TestCheckOutput",
	},
}
