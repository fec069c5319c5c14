package main

// sessionMutants are defects of package mcpclient.
func sessionMutants() []mutant {
	return []mutant{
		{
			name: "a call is replayed without proof", file: "mcpclient/retry.go",
			old: `return c.repeatable || c.last == NotRun && !c.began.Load() }`, new: `return true || c.began.Load() }`,
			test: "TestVerdicts",
		},
	}
}
