package main

// eventMutants are defects in what a session reports of itself, and in what it does to stay ready.
var eventMutants = []mutant{
	{
		name: "events: a recovery that keeps the session does not end", file: "mcpclient/recovery.go",
		old: `if s.observed() {
		s.tell(s.root, r.ended(err))`,
		new: `if s.observed() && !errors.Is(err, ErrSessionAlive) {
		s.tell(s.root, r.ended(err))`,
		test: "TestEventsOfADoubtedSession",
	},
	{
		name: "events: a recovery that fails replaces the session", file: "mcpclient/recovery.go",
		old:  `return RecoveryEnded{Recovery: r, Err: err}`,
		new:  `return RecoveryEnded{Recovery: r, Replaced: true, Err: err}`,
		test: "TestEventsOfAFailedRecovery",
	},
	{
		name: "events: an event comes after Closed", file: "mcpclient/observe.go",
		old:  `_ = s.observation.active.Wait(ctx) `,
		new:  ``,
		test: "TestClosedIsTheLastEvent",
	},
	{
		name: "events: a session that never was connected is closed without a reason", file: "mcpclient/close.go",
		old:  `cmp.Or(s.failure, err)`,
		new:  `cmp.Or(err)`,
		test: "TestEventsOfAFailedConnect",
	},
	{
		name: "events: a retry after a pause is reported twice", file: "mcpclient/retry.go",
		old:  `if !d.announced {`,
		new:  `if true {`,
		test: "TestEventOfARetry",
	},
	{
		name: "events: a retry without a pause is not reported", file: "mcpclient/retry.go",
		old:  `d.retrying(v.Step, 0, err)`,
		new:  ``,
		test: "TestEventsOfAnAuthorization",
	},
	{
		name: "events: a stream that opens late has no gap", file: "mcpclient/sharedreopener.go",
		old:  `k.late = err`,
		new:  ``,
		test: "TestGapBeforeTheFirstStream",
	},
	{
		name: "events: a stream is reported as lost when this side ends it", file: "mcpclient/reopen.go",
		old: `		if r.ctx.Err() != nil {
			return
		}
		pause, again`,
		new: `		if r.ctx.Err() != nil {
			r.s.tell(r.s.root, StreamLost{Cause: err})
			return
		}
		pause, again`,
		test: "TestNoEventOfASubscriptionThatIsClosed|TestEventsOfTheSharedStream",
	},
	{
		name: "events: an authorization ends after the calls continue", file: "mcpclient/authorize.go",
		old:  `defer func() { s.tell(s.root, AuthorizationEnded{`,
		new:  `defer func() { go s.tell(s.root, AuthorizationEnded{`,
		test: "TestEventsOfAnAuthorization",
	},
	{
		name: "events: a panic of an observer ends the program", file: "mcpclient/observe.go",
		old:  `if v := recover(); v != nil {`,
		new:  `if v := any(nil); v != nil {`,
		test: "TestObserverThatPanics",
	},
	{
		name: "events: the order of members changes a fingerprint", file: "internal/canonical/canonical.go", pkg: "mcpclient",
		old:  `slices.SortStableFunc(object, `,
		new:  `_ = slices.IsSortedFunc(object, `,
		test: "TestFingerprint|TestEventOfARedefinedTool",
	},
	{
		name: "WaitReady does not wait for a recovery", file: "mcpclient/ready.go",
		old:  `case running != nil:`,
		new:  `case false:`,
		test: "TestWaitReadyDuringARecovery",
	},
	{
		name: "WaitReady does not wait until the server can send requests", file: "mcpclient/ready.go",
		old:  `case s.sharedPending(state):`,
		new:  `case false:`,
		test: "TestWaitReadyUntilTheServerCanAsk",
	},
	{
		name: "a modern server is pinged", file: "mcpclient/keepalive.go",
		old:  `!state.modern()`,
		new:  `true`,
		test: "TestKeepAlive",
	},
	{
		name: "a session that is silent for a while is replaced", file: "mcpclient/keepalive.go",
		old:  `; !lost {`,
		new:  `; !lost && false {`,
		test: "TestKeepAliveKeepsASessionThatAnswersAgain",
	},
	{
		name: "a session that stays silent is kept", file: "mcpclient/keepalive.go",
		old:  `return sessionSilent, r.state.inSession()`,
		new:  `return sessionSilent, false`,
		test: "TestKeepAliveReplacesASilentSession",
	},
}
