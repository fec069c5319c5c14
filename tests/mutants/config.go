package main

// configMutants are defects in what is read from configuration files.
var configMutants = []mutant{
	{
		name: "a value that was filled in is expanded again", file: "mcpclient/mcpconfig/expand.go",
		old:  `	if v, ok := lookup(name); ok && v != "" {`,
		new:  `	if v, ok := lookup(name); ok && variable.MatchString(v) {` + "\n\t\treturn o.expand(v)\n\t} else if ok && v != \"\" {",
		test: "TestValuesAreExpandedOnce",
	},
	{
		name: "an empty variable is set", file: "mcpclient/mcpconfig/expand.go",
		old:  `ok && v != "" {`,
		new:  `ok {`,
		test: "TestProblemsSayWhatToDo",
	},
	{
		name: "keys match without regard to case", file: "mcpclient/mcpconfig/tree.go",
		old:  `		if m.key == key {`,
		new:  `		if bytes.EqualFold([]byte(m.key), []byte(key)) {`,
		test: "TestKeysMatchExactly",
	},
	{
		name: "an unset variable costs nothing", file: "mcpclient/mcpconfig/expand.go",
		old:  `		o.fatal(key, line, redact.Line(err.Error(), 512))`,
		new:  `		o.problem(key, line, redact.Line(err.Error(), 512))`,
		test: "TestProblemsSayWhatToDo",
	},
	{
		name: "a wrong URL is quoted", file: "mcpclient/mcpconfig/http.go",
		old:  `		return "invalid URL: expected " + schemes[0] + "://host/path"`,
		new:  `		return "invalid URL: " + err.Error()`,
		test: "FuzzLoad|TestProblemsSayWhatToDo",
	},
	{
		name: "the error of the user's function is quoted", file: "mcpclient/mcpconfig/expand.go",
		old:  `fmt.Errorf("the input %s was not answered", id)`,
		new:  `fmt.Errorf("the input %s was not answered: %w", id, in.err)`,
		test: "TestInputs",
	},
	{
		name: "the last file counts", file: "mcpclient/mcpconfig/loader.go",
		old:  `		m.files = append(m.files, f)`,
		new:  `		m.files = append([]*file{f}, m.files...)`,
		test: "TestFirstFileCounts",
	},
	{
		name: "a slash in the name of a tool is special", file: "mcpclient/mcpconfig/rules.go",
		old:  `strings.NewReplacer("/", "\x00")`,
		new:  `strings.NewReplacer("/", "/")`,
		test: "TestAllows",
	},
	{
		name: "an invalid pattern in deny denies nothing", file: "mcpclient/mcpconfig/rules.go",
		old:  `matched || err != nil {`,
		new:  `matched && err == nil {`,
		test: "TestAllows",
	},
	{
		name: "an entry runs without its executor", file: "mcpclient/mcpconfig/own.go",
		old:  `		o.fatal("executor", line, "not declared: `,
		new:  `		o.problem("executor", line, "not declared: `,
		test: "TestProblemsSayWhatToDo",
	},
	{
		name: "comments move what follows", file: "mcpclient/mcpconfig/jsonc.go",
		old:  `		if text[i] != '\n' && text[i] != '\r' {`,
		new:  `		if true {`,
		test: "TestBlank|TestPositionOfError",
	},
	{
		name: "a disabled entry asks the user", file: "mcpclient/mcpconfig/expand.go",
		old:  `	case off:`,
		new:  `	case off && f.loader.Input == nil:`,
		test: "TestInputs",
	},
}
