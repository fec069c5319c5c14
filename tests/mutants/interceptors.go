package main

// interceptorMutants are defects that would let an interceptor change what is known of a call, or
// what a server may see and do.
var interceptorMutants = []mutant{
	{
		name: "an interceptor can run a tool twice", file: "mcpclient/intercept.go",
		old:  `if d.begun && (d.opens || !d.repeatable && d.outcome() != verdict.NotRun) {`,
		new:  `if d.begun && d.opens {`,
		test: "TestInterceptedCall|TestInterceptorKeepsTheOutcome",
	},
	{
		name: "a success does not count as a run", file: "mcpclient/intercept.go",
		old:  `d.past, d.last = d.past.And(verdict.Outcome(OutcomeOf(sent))), verdict.NotRun`,
		new:  `d.last = verdict.NotRun`,
		test: "TestInterceptedCall",
	},
	{
		name: "an interceptor can change the outcome of its error", file: "mcpclient/intercept.go",
		old:  `Outcome(d.outcome().And(verdict.Outcome(e.Outcome)))`,
		new:  `e.Outcome`,
		test: "TestInterceptorKeepsTheOutcome",
	},
	{
		name: "the outcome of another call is lost", file: "mcpclient/intercept.go",
		old:  `Outcome(d.outcome().And(verdict.Outcome(e.Outcome)))`,
		new:  `Outcome(d.outcome())`,
		test: "TestInterceptedCall",
	},
	{
		name: "the error of a harmless call makes a tool call harmless", file: "mcpclient/intercept.go",
		old:  `, d.repeatable && e.harmless`,
		new:  `, e.harmless`,
		test: "TestInterceptorKeepsTheOutcome",
	},
	{
		name: "a panic that an interceptor recovers hides that the tool may have run", file: "mcpclient/intercept.go",
		old:  `d.past = verdict.Unknown`,
		new:  `_ = d.past`,
		test: "TestInterceptorKeepsTheOutcome",
	},
	{
		name: "a call whose next is still running counts as not run", file: "mcpclient/intercept.go",
		old:  `if !d.phase.CompareAndSwap(phaseOpen, phaseSettled) {`,
		new:  `if false {`,
		test: "TestNextOnAnotherGoroutine",
	},
	{
		name: "neither a result nor an error is a success", file: "mcpclient/intercept.go",
		old:  `case err == nil && d.has:`,
		new:  `case err == nil:`,
		test: "TestInterceptedCall|TestInterceptorKeepsTheOutcome",
	},
	{
		name: "interceptors decide whether a session is lost", file: "mcpclient/request.go",
		old: `r.judge = judge
	_ = r.do(once(s.opts.Retry))`,
		new:  `judge(r.do(once(s.opts.Retry)))`,
		test: "TestInterceptorsCannotForgeALostSession",
	},
	{
		name: "an interceptor's hint makes a tool repeatable", file: "mcpclient/toolindex.go",
		old:  `hintsSafe: from.server && harmless`,
		new:  `hintsSafe: harmless`,
		test: "TestListFromAnInterceptor",
	},
	{
		name: "the context of an interceptor ends its stream", file: "mcpclient/opening.go",
		old:  `context.WithCancelCause(context.WithoutCancel(values))`,
		new:  `context.WithCancelCause(values)`,
		test: "TestInterceptorOfAStream",
	},
	{
		name: "an interceptor is not told that its stream is open", file: "mcpclient/subscriptionstream.go",
		old:  `if l.opening != nil && !l.opening.agree() {`,
		new:  `if false {`,
		test: "TestInterceptorOfAStream",
	},
	{
		name: "an interceptor cannot refuse an open stream", file: "mcpclient/opening.go",
		old:  `return o.refused == nil`,
		new:  `return true`,
		test: "TestInterceptorRefusesAStream",
	},
	{
		name: "an answer that an interceptor changed is not checked", file: "mcpclient/incoming.go",
		old:  `case in.changed || !bytes.Equal(answer, given):`,
		new:  `case in.changed && !bytes.Equal(answer, given):`,
		test: "TestInterceptedServerRequest",
	},
	{
		name: "a recovery that an interceptor failed leaves its session behind", file: "mcpclient/interceptor.go",
		old:  `if err != nil && r.next != nil {`,
		new:  `if false {`,
		test: "TestInterceptorFailsARecovery",
	},
	{
		name: "the headers of a call are not on the GETs that resume it", file: "streamablehttp/resume.go",
		old:  `&x.cursor, x.header)`,
		new:  `&x.cursor, nil)`,
		test: "TestHeadersOfACallGoOnItsResumingGETs", pkg: "mcpclient",
	},
	{
		name: "the probe that a legacy server refuses counts as a failure", file: "mcpclient/negotiate.go",
		old:  `r.expected = g.expected`,
		new:  `_ = g.expected`,
		test: "TestExpectedFailuresOfTheNegotiation",
	},
	{
		name: "a refusal that ends the negotiation is expected", file: "mcpclient/negotiate.go",
		old:  `return guess != verdict.NoGuess && (guess != verdict.Perhaps || hint != EraModern)`,
		new:  `return guess != verdict.Legacy || hint != EraModern`,
		test: "TestExpectedFailuresOfTheNegotiation",
	},
	{
		name: "the refusal of the last initialize is expected", file: "mcpclient/propose.go",
		old:  `next, again := s.initialize(ctx, other, 1, nil)`,
		new:  `next, again := s.initialize(ctx, other, 1, isRefusal)`,
		test: "TestExpectedRefusalsOfInitialize",
	},
}
