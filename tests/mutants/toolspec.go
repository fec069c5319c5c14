package main

// toolspecMutants are defects in what models are told of tools and calls.
var toolspecMutants = []mutant{
	{
		name: "a name that looks like a shortened one stays", file: "mcpclient/toolspec/names.go",
		old:  `return at > 0 && s[at-1] == '_' && strings.Trim(s[at:], "0123456789abcdef") == ""`,
		new:  `return false && at > 0`,
		test: "TestNamesCannotBeForged",
	},
	{
		name: "names depend on the order of the list", file: "mcpclient/toolspec/names.go",
		old:  `for _, tool := range slices.Compact(slices.Sorted(slices.Values(tools))) {`,
		new:  `for _, tool := range slices.Compact(slices.Clone(tools)) {`,
		test: "TestOrderOfTheListDoesNotMatter|TestToolsWithTheSameHash",
	},
	{
		name: "the schema of one alternative applies to all", file: "mcpclient/toolspec/repair.go",
		old:  `case free || len(schemas) == 0:`,
		new:  `case free && len(schemas) == 0:`,
		test: "TestRepair$|TestRepairIsNeverStricter",
	},
	{
		name: "what one alternative requires is required", file: "mcpclient/toolspec/repair.go",
		old:  `if !slices.ContainsFunc(choices, func(c outline) bool { return !c.needs[name] }) {`,
		new:  `if true {`,
		test: "TestRepair",
	},
	{
		name: "a reference leads to the changed root", file: "mcpclient/toolspec/repair.go",
		old:  `if len(moved) == 0 {`,
		new:  `if true {`,
		test: "TestRepair$",
	},
	{
		name: "draft 7: members beside a reference count", file: "mcpclient/toolspec/normalize.go",
		old:  `if _, isRef := m["$ref"].(string); isRef && n.draft <= draft7 {`,
		new:  `if _, isRef := m["$ref"].(string); isRef && n.draft < draft7 {`,
		test: "TestRepair$",
	},
	{
		name: "an app's tool is shown to the model", file: "mcpclient/toolspec/function.go",
		old:  `return slices.Contains(visibility, any("model"))`,
		new:  `return true || slices.Contains(visibility, any("model"))`,
		test: "TestToolsForTheUserInterfaceAreLeftOut",
	},
	{
		name: "a call that may have run is told as not run", file: "mcpclient/toolspec/answer.go",
		old:  `case outcome == mcpclient.NotRun:`,
		new:  `case outcome != mcpclient.Answered:`,
		test: "TestAnswerOfFailure",
	},
	{
		name: "an image has the type that the server declares", file: "mcpclient/toolspec/answer.go",
		old:  `case recognized[detected]:`,
		new:  `case recognized[detected] && detected == declared:`,
		test: "TestTypesOfMedia",
	},
	{
		name: "media are unbounded", file: "mcpclient/toolspec/answer.go",
		old:  `case len(data) > maxMedia-w.media64:`,
		new:  `case len(data) > maxMedia:`,
		test: "TestMediaAreBounded",
	},
}
