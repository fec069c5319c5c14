package main

// verdictMutants are defects in the outcomes that package mcpclient reports for calls.
var verdictMutants = []mutant{
	{
		name: "a call is replayed without proof", file: "mcpclient/delivery.go",
		old:  `return d.repeatable || d.last == verdict.NotRun && !d.began.Load()`,
		new:  `return true || d.last == verdict.NotRun`,
		test: "TestVerdicts",
	},
	{
		name: "progress during the backoff is ignored", file: "mcpclient/delivery.go",
		old:  `return d.repeatable || d.last == verdict.NotRun && !d.began.Load()`,
		new:  `return d.repeatable || d.last == verdict.NotRun`,
		test: "TestProgressDuringTheBackoffForbidsTheReplay",
	},
	{
		name: "the best try determines the outcome", file: "internal/verdict/verdict.go",
		old:  `return min(o, other) }`,
		new:  `return max(o, other) }`,
		test: "TestOutcomeOverSeveralTries", pkg: "mcpclient",
	},
	{
		name: "a refusal is proof even if the reply had started", file: "internal/verdict/refusals.go",
		old:  `if !q.Began && !e.Began {`,
		new:  `if true {`,
		test: "TestVerdicts", pkg: "mcpclient",
	},
	{
		name: "a refusal whose body was not read is proof", file: "internal/verdict/refusals.go",
		old:  `if e.Unclear {`,
		new:  `if false {`,
		test: "TestUnreadableRefusalsProveNothing", pkg: "mcpclient",
	},
	{
		name: "an error code in a 200 is proof", file: "internal/verdict/refusals.go",
		old:  `if e.Status == http.StatusBadRequest && !q.Began {`,
		new:  `if !q.Began {`,
		test: "TestVerdicts", pkg: "mcpclient",
	},
	{
		name: "404 with -32601 to server/discover proves a modern server", file: "internal/verdict/refusals.go",
		old: `case class == httpstatus.NotFound && IsUnknownMethod(rpc): // of a modern server for any other method
		return Perhaps`,
		new: `case class == httpstatus.NotFound && IsUnknownMethod(rpc):
		return NoGuess`,
		test: "TestEvidenceAboutTheEra", pkg: "mcpclient",
	},
	{
		name: "a 5xx is a refusal", file: "internal/verdict/refusals.go",
		old: `case q.Repeatable:
		v = Verdict{Step: StepWait, Kind: KindHTTP, Wait: e.RetryAfter}`,
		new: `case true:
		v = Verdict{Step: StepWait, Kind: KindHTTP, Outcome: NotRun, Wait: e.RetryAfter}`,
		test: "TestRetryTable",
	},
	{
		name: "a lost answer counts as not sent", file: "internal/verdict/verdict.go",
		old: `case e.Stage != transport.NotSent || q.Began:
		return unanswered(q)
`,
		new:  ``,
		test: "TestVerdicts|TestBadReplies", pkg: "mcpclient",
	},
	{
		name: "any text confirms a lost session", file: "internal/verdict/refusals.go",
		old:  `v.Confirms = (named || IsUnknownMethod(e.RPC)) && `,
		new:  `v.Confirms = `,
		test: "TestVerdicts", pkg: "mcpclient",
	},
	{
		name: "another caller's recovery confirms a lost session", file: "mcpclient/retry.go",
		old:  `if v.Confirms && (pinged || err == nil && s.isGone(ctx, d.state)) {`,
		new:  `if v.Confirms && (pinged || err == nil) {`,
		test: "TestReplacedSessionConfirmsNothing",
	},
	{
		name: "a timeout after sending counts as not run", file: "mcpclient/delivery.go",
		old: `return d.past.And(d.last)
`,
		new: `return verdict.NotRun
`,
		test: "TestBadReplies",
	},
}

// sessionMutants are defects in how package mcpclient maintains a session.
var sessionMutants = []mutant{
	{
		name: "the generation is not compared", file: "mcpclient/recovery.go",
		old:  `return s.now.Load().generation == generation`,
		new:  `return true`,
		test: "TestHundredCallsOneRecovery",
	},
	{
		name: "each call runs a separate recovery", file: "internal/singleflight/singleflight.go", pkg: "mcpclient",
		old:  `return g.join(math.MaxUint64, start, func`,
		new:  `return new(Group[T]).join(math.MaxUint64, start, func`,
		test: "TestHundredCallsOneRecovery",
	},
	{
		name: "a suspected session is replaced without a ping", file: "mcpclient/recovery.go",
		old:  `case found == pingAnswered, found == pingDenied && r.why <= sessionSuspected:`,
		new:  `case false:`,
		test: "TestVerdicts",
	},
	{
		name: "a server without ping confirms each loss", file: "mcpclient/examine.go",
		old: `return s.pings.answered.Load()
}

// accepts`,
		new: `return true
}

// accepts`,
		test: "TestServerWithoutAPing",
	},
	{
		name: "a recovery does not restore the log level", file: "mcpclient/recovery.go",
		old: `s.restoreLevel(ctx, next)
`,
		new:  ``,
		test: "TestRecovery|TestSetLogLevel|TestLogLevel|Level",
	},
	{
		name: "each call starts a separate login", file: "mcpclient/authorize.go",
		old:  `s.authorizing.JoinSince(made.ended, start,`,
		new:  `s.authorizing.JoinSince(^uint64(0), start,`,
		test: "TestHundredCallsOneLogin",
	},
	{
		name: "a ping triggers a login", file: "mcpclient/authorize.go",
		old:  ` && d.ctx.Value(quiet{}) == nil`,
		new:  ``,
		test: "TestUnauthorizedMayMeanALostSession",
	},
	{
		name: "an answer waits for the repair", file: "mcpclient/retry.go",
		old:  `ctx, cancel := context.WithTimeout(bounded, repairPatience)`,
		new:  `ctx, cancel := context.WithTimeout(bounded, time.Hour)`,
		test: "TestAnswersDoNotWaitForRepairs",
	},
	{
		name: "input is sent in the wrong era", file: "mcpclient/call.go",
		old:  `if c.rounds > 0 && !c.state.modern() {`,
		new:  `if false {`,
		test: "TestInputIsNotLostWithTheEra",
	},
	{
		name: "WithTries is ignored", file: "mcpclient/call.go",
		old:  `if c.maxTries > 0 {`,
		new:  `if false {`,
		test: "TestWithTries",
	},
	{
		name: "all sessions use the same request IDs", file: "mcpclient/connect.go",
		old:  `	s.ids.Store(firstID())`,
		new:  `	_ = firstID`,
		test: "TestSessionsBeginWithDifferentIDs",
	},
	{
		name: "Connect retries like the session", file: "mcpclient/negotiate.go",
		old:  `if s.now.Load() == nil {`,
		new:  `if false {`,
		test: "TestConnectRetry",
	},
	{
		name: "Close does not cancel calls", file: "internal/timeouts/timeouts.go", pkg: "mcpclient",
		old: `for _, cancel := range cancels {
		cancel(cause)
	}`,
		new:  `_ = cancels`,
		test: "TestClose",
	},
	{
		name: "Close deletes no session", file: "mcpclient/close.go",
		old: `s.deleteSession(bound, state)
`,
		new:  ``,
		test: "TestClose|TestLife",
	},
	{
		name: "the idle timeout is ignored", file: "internal/timeouts/timeouts.go", pkg: "mcpclient",
		old:  `earlier(Deadline{time.Duration(e.last.Load()) + e.Idle, e.Idle}, Idle)`,
		new:  `_ = e.Idle`,
		test: "TestIdle|TestTimeout|Idle",
	},
	{
		name: "timers run during a server request", file: "internal/timeouts/timeouts.go", pkg: "mcpclient",
		old:  `return w.pauses > 0 || e.pauses > 0 }`,
		new:  `return false }`,
		test: "Timer|Pause|TestWait",
	},
	{
		name: "progress is delivered after the return", file: "mcpclient/progress.go",
		old:  `if !c.closed.Load() {`,
		new:  `if true {`,
		test: "TestNoProgressAfterTheCallReturned",
	},
	{
		name: "an unknown resultType is complete", file: "mcpclient/call.go",
		old: `return false, &verdict.ResultTypeError{Type: string(t[:min(len(t), 64)])}`,
		new: `_ = t
		return false, nil`,
		test: "TestUnknownResultTypeIsNotComplete",
	},
	{
		name: "initialize is cancelled", file: "mcpclient/cancelled.go",
		old:  ` && r.method != methodInitialize`,
		new:  ``,
		test: "TestInitializeIsNeverCancelled",
	},
	{
		name: "a lost stream reports no missed events", file: "mcpclient/sharedreopener.go",
		old: `if missed != nil {
		k.s.missedEvents(missed)`,
		new: `if missed != nil && false {
		k.s.missedEvents(missed)`,
		test: "MissedEvents|SharedStream|Listen",
	},
	{
		name: "an authorized call does not wake the shared stream", file: "mcpclient/authorize.go",
		old:  `s.shared.wake()`,
		new:  ``,
		test: "TestAuthorizationWakesTheSharedStream",
	},
	{
		name: "list-change handlers are not debounced", file: "mcpclient/events.go",
		old:  `const listDebounce = 250 * time.Millisecond`,
		new:  `const listDebounce = 0 * time.Millisecond`,
		test: "TestListChangesAreDebounced",
	},
	{
		name: "a refused cursor ends the walk", file: "mcpclient/pages.go",
		old:  `w.cursor != nil && !restarted && refusesCursor(err)`,
		new:  `false && !restarted && refusesCursor(err)`,
		test: "TestRefusedCursor",
	},
	{
		name: "a list with endless pages is read forever", file: "mcpclient/listwalk.go",
		old:  `if _, again := w.seen[sum]; again {`,
		new:  `if _, again := w.seen[sum]; again && false {`,
		test: "Cursor|Pages|Walk|TestLimits",
	},
	{
		name: "the rate of ping answers is unlimited", file: "mcpclient/serve.go",
		old:  `if wait > answerDelay || a.pending >= maxAnswers {`,
		new:  `if false {`,
		test: "TestFloodOfPingsIsAnsweredAtARate",
	},
	{
		name: "a shared stream that is still taken is given up", file: "mcpclient/sharedreopener.go",
		old:  `temporary && k.refused <= maxAliveRefusals`,
		new:  `temporary && false`,
		test: "TestSharedStreamThatIsStillTaken",
	},
	{
		name: "a shared stream that stays taken is opened forever", file: "mcpclient/sharedreopener.go",
		old:  `temporary && k.refused <= maxAliveRefusals`,
		new:  `temporary`,
		test: "TestSharedStreamThatStaysTaken",
	},
	{
		name: "a ping follows the 404 to a stream that was open", file: "mcpclient/sharedreopener.go",
		old:  `case k.opened && k.state.inSession() && verdict.StreamLost(e):`,
		new:  `case false && verdict.StreamLost(e):`,
		test: "TestLostSessionOfAnOpenStreamNeedsFourRequests",
	},
	{
		name: "a stream that was never open proves that its session is lost", file: "mcpclient/sharedreopener.go",
		old:  `case k.opened && k.state.inSession() && verdict.StreamLost(e):`,
		new:  `case k.state.inSession() && verdict.StreamLost(e):`,
		test: "TestRefusedFirstStreamKeepsTheSession",
	},
	{
		name: "any 404 to a stream proves that its session is lost", file: "internal/verdict/refusals.go",
		old:  `NamesSession(text) && !SaysTaken(e) &&`,
		new:  `!SaysTaken(e) &&`,
		test: "TestRefusedStreamOfALiveSessionKeepsIt", pkg: "mcpclient",
	},
	{
		name: "a server without GET streams has lost its sessions", file: "internal/verdict/refusals.go",
		old:  `!e.Unclear && !IsUnknownMethod(e.RPC)`,
		new:  `!e.Unclear`,
		test: "TestRefusedStreamOfALiveSessionKeepsIt", pkg: "mcpclient",
	},
	{
		name: "sessions that lose their streams together come back together", file: "mcpclient/reopen.go",
		old:  `p.reconnect.First, p.reconnect.Spread = reopenInitial, true`,
		new:  `p.reconnect.First, p.reconnect.Spread = reopenInitial, false`,
		test: "TestSessionsThatLoseTheirStreamsTogetherSpread",
	},
	{
		name: "each doubtful reply makes the session ping", file: "mcpclient/doubt.go",
		old:  `s.doubts.due(s.watch.now())`,
		new:  `s.doubts.due(s.watch.now()) || true`,
		test: "TestHonestDoubtfulReplies",
	},
	{
		name: "the pauses after doubtful replies do not grow", file: "mcpclient/doubt.go",
		old:  `d.pause = min(2*d.pause, doubtCeiling)`,
		new:  `d.pause = doubtFirst`,
		test: "TestHonestDoubtfulReplies",
	},
	{
		name: "a doubted session is replaced although the new one refuses the ping", file: "mcpclient/recovery.go",
		old:  `r.pinged = s.accepts(ctx, next)`,
		new:  `r.pinged = true`,
		test: "TestDoubtfulRepliesWithoutPing",
	},
	{
		name: "a refused ping counts as an answer after a doubtful reply", file: "mcpclient/examine.go",
		old:  `doubted && verdict.RefusesPing(`,
		new:  `false && verdict.RefusesPing(`,
		test: "TestLostSessionReportedDoubtfully",
	},
	{
		name: "a 5xx that names the session is taken as it is", file: "internal/verdict/refusals.go",
		old: `	if named {
		return q.doubt(v)`,
		new: `	if false {
		return q.doubt(v)`,
		test: "TestRetryTable",
	},
	{
		name: "a call doubts its session again and again", file: "internal/verdict/verdict.go",
		old:  `!q.established() || q.Doubted ||`,
		new:  `!q.established() ||`,
		test: "TestRetryTableDoubtsOnce",
	},
	{
		name: "a refused shared stream never casts doubt on its session", file: "mcpclient/sharedreopener.go",
		old:  `if !k.opened || !k.state.inSession() || !k.s.mayProbe(k.state) {`,
		new:  `if true {`,
		test: "TestSharedStreamInDoubt",
	},
	{
		name: "a tool that requires a task is called", file: "mcpclient/toolindex.go",
		old:  `case !c.state.modern() && tool.task:`,
		new:  `case false:`,
		test: "TestToolThatRequiresATask",
	},
	{
		name: "a tool with an invalid schema is offered", file: "mcpclient/toolindex.go",
		old:  `s.log.Warn("tool left out: invalid x-mcp-header"`,
		new:  `s.log.Debug("tool left out: invalid x-mcp-header"`,
		test: "TestOneWarningForEachToolLeftOut",
	},
}
