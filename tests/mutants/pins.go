package main

// pinMutants are defects in the pins and the pool of groups.
var pinMutants = []mutant{
	{
		name: "the first tool makes the others new tools of a known server", file: "mcpclient/group/pins.go",
		old:  `if p.accepts(server, f, !known || p.newTools == Trust) {`,
		new:  `if p.accepts(server, f, len(p.accepted.servers[server].tools) == 0 && !known || p.newTools == Trust) {`,
		test: "TestTheFirstListIsAcceptedWhole",
	},
	{
		name: "a server with an empty list stays unknown", file: "mcpclient/group/pins.go",
		old:  `known := p.accepted.knows(server)`,
		new:  `known := p.accepted.knows(server) && len(p.accepted.servers[server].tools) > 0`,
		test: "TestToolsThatAServerAddsLater",
	},
	{
		name: "a changed tool is trusted like a new one", file: "mcpclient/group/pins.go",
		old:  `if have, pinned := p.accepted.pin(server, f.Tool); pinned {`,
		new:  `if have, pinned := p.accepted.pin(server, f.Tool); pinned && have.fingerprint == f.Fingerprint {`,
		test: "TestRugPull",
	},
	{
		name: "what the user did not see is accepted", file: "mcpclient/group/pins.go",
		old:  `case next.fingerprint != c.New.Fingerprint:`,
		new:  `case false:`,
		test: "TestAToolThatChangesWhileTheUserReads",
	},
	{
		name: "a list hides the changes of tools that it lacks", file: "mcpclient/group/pins.go",
		old:  `if !listed[tool] {`,
		new:  `if false {`,
		test: "TestChangesOfToolsThatAListLacks",
	},
	{
		name: "pins of one server are unbounded", file: "mcpclient/group/pinbook.go",
		old:  `case s.size+growth > maxPinBytes:`,
		new:  `case false:`,
		test: "TestPinsAreBounded",
	},
	{
		name: "Save writes over what another process accepted", file: "mcpclient/group/pinfile.go",
		old: `if errors.Is(err, fs.ErrNotExist) {
		merged, err`,
		new: `if err == nil || errors.Is(err, fs.ErrNotExist) {
		merged, err`,
		test: "TestTwoProcessesSave",
	},
	{
		name: "a list wins over what another process accepted", file: "mcpclient/group/pinfile.go",
		old:  `!d.byUser && (pinned || known && p.newTools == Hold)`,
		new:  `!d.byUser && (pinned && false || known && p.newTools == Hold)`,
		test: "TestTwoProcessesDiffer",
	},
	{
		name: "a failed Save forgets what it did not write", file: "mcpclient/group/pinfile.go",
		old:  `p.unsaved = newest(saving, p.unsaved)`,
		new:  `_ = newest(saving, p.unsaved)`,
		test: "TestDamagedFile",
	},
	{
		name: "a changed definition in the file is believed", file: "mcpclient/group/pinfile.go",
		old:  `e.Sum != p.sum(server, tool)`,
		new:  `e.Sum == ""`,
		test: "TestDamagedFile",
	},
	{
		name: "the pool hands out a group that Close closes", file: "mcpclient/group/pool.go",
		old:  `if err == nil && p.life.Err() != nil {`,
		new:  `if false {`,
		test: "TestGetDuringClose",
	},
	{
		name: "a timer closes a group that was used since", file: "mcpclient/group/pool.go",
		old:  `e.users == 0 && e.released == released`,
		new:  `e.users == 0`,
		test: "TestATimerThatIsTooLate",
	},
	{
		name: "a group that comes too late stays open", file: "mcpclient/group/pool.go",
		old: `if p.groups[e.identity] != e {
		return false`,
		new: `if p.groups[e.identity] != e {
		return true`,
		test: "TestAGroupThatComesTooLate",
	},
	{
		name: "the pool closes the group that was used last", file: "mcpclient/group/pool.go",
		old:  `e.released < longest.released`,
		new:  `e.released > longest.released`,
		test: "TestTheGroupUnusedTheLongestMakesRoom",
	},
}
