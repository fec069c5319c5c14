package main

// groupMutants are defects in how a group treats its servers and calls.
var groupMutants = []mutant{
	{
		name: "group: a login runs out of time", file: "mcpclient/group/connect.go",
		old: `	if l.begins {
		t.pause()`,
		new: `	if l.begins {
		_ = t.pause`,
		test: "TestALoginIsNotCutOff|TestALoginHoldsNoSlot",
	},
	{
		name: "group: the clock of a try starts again after a login", file: "mcpclient/group/connect.go",
		old:  `c.left, c.timer = max(0, c.left-time.Since(c.began)), nil`,
		new:  `c.timer = nil`,
		test: "TestTheClockContinuesAfterALogin",
	},
	{
		name: "group: signals put the list off", file: "mcpclient/group/serve.go",
		old:  `	if s.due == nil || at.Before(s.dueAt) {`,
		new:  `	if true {`,
		test: "TestManySignalsCostFewLists",
	},
	{
		name: "group: a signal during a list is lost", file: "mcpclient/group/serve.go",
		old:  `		if s.again {`,
		new:  `		if false {`,
		test: "TestASignalDuringAListIsNotLost",
	},
	{
		name: "group: a list does not wait for the stream of notifications", file: "mcpclient/group/conn.go",
		old:  `		if opened && late {`,
		new:  `		if opened && late && false {`,
		test: "TestAChangeBeforeTheStreamIsOpenIsNotMissed",
	},
	{
		name: "group: a list that failed is not read again", file: "mcpclient/group/serve.go",
		old:  `	s.listIn(m.pause(s.failed))`,
		new:  ``,
		test: "TestAListThatFailsKeepsTheFunctions",
	},
	{
		name: "group: a lost call ends the others", file: "mcpclient/group/member.go",
		old:  `		case <-c.calls.Close():`,
		new:  `		default:`,
		test: "TestACallInFlightSurvivesTheLossOfAnother",
	},
	{
		name: "group: a lost answer takes the server down without a ping", file: "mcpclient/group/serve.go",
		old:  `case mcpclient.Unreachable(err):`,
		new:  `case mcpclient.MayHaveRun(err) || mcpclient.Unreachable(err):`,
		test: "TestALostAnswerCostsOnePing",
	},
	{
		name: "group: a ping is tried again", file: "mcpclient/group/list.go",
		old:  `return p.Ping(ctx, mcpclient.WithTries(1))`,
		new:  `return p.Ping(ctx)`,
		test: "TestAPingThatFailsTakesTheServerDown",
	},
	{
		name: "group: a call is repeated", file: "mcpclient/group/call.go",
		old: `	c.judge(ctx, err)
	return result, err`,
		new: `	c.judge(ctx, err)
	if err != nil {
		return c.caller.CallTool(ctx, f.Tool, args, opts...)
	}
	return result, err`,
		test: "TestALostAnswerCostsOnePing|TestKillAndRestart",
	},
	{
		name: "group: a user's approval holds for another definition", file: "mcpclient/group/call.go",
		old:  `case v.function.Fingerprint != fingerprint:`,
		new:  `case false:`,
		test: "TestAnApprovalIsForOneDefinition",
	},
	{
		name: "group: without Approve, calls are approved", file: "mcpclient/group/call.go",
		old:  `if err = errNoPrompt; m.g.opts.Approve != nil {`,
		new:  `if m.g.opts.Approve != nil {`,
		test: "TestWithoutApproveNothingIsApproved",
	},
	{
		name: "group: a declined login is asked for again", file: "mcpclient/group/errors.go",
		old:  `return !errors.As(login.error, &link)`,
		new:  `return !errors.As(login.error, &link) && false`,
		test: "TestADeclinedLoginNeedsAPerson",
	},
	{
		name: "group: a wish for a try outlives the try", file: "mcpclient/group/member.go",
		old:  `	m.wake.clear() // this try was what was wished for`,
		new:  ``,
		test: "TestAWishDuringATryIsGranted",
	},
	{
		name: "group: an observer learns of a state too late", file: "mcpclient/group/member.go",
		old: `	if g.observed() {
		g.tell(g.ctx, StateChanged`,
		new: `	if g.observed() {
		defer g.tell(g.ctx, StateChanged`,
		test: "TestAnEventComesBeforeItsEffect",
	},
	{
		name: "group: a model learns that a function of a server that is down does not exist", file: "mcpclient/group/call.go",
		old:  `			return v, &CallError{Reason: ServerDown, Function: name, State: v.state, Err: v.state.Err}`,
		new:  `			return v, &CallError{Reason: UnknownFunction, Function: name, State: v.state, Err: v.state.Err}`,
		test: "TestUnknownFunctions",
	},
}
