package main

import "slices"

const (
	inExecutor = "transport/executor/"
	inAgent    = "transport/executor/agent/"
)

// executorMutants are defects of packages executor and agent.
func executorMutants() []mutant {
	return slices.Concat(executorStages(), executorLimits(), executorLinks(), executorPool(), executorStats(),
		agentPolicy(), agentSecrets(), agentExchanges(), agentBudget())
}

// executorStages are defects in tracking how far a request got, in matching messages to exchanges,
// and in detecting the end of a body.
func executorStages() []mutant {
	return []mutant{
		{
			name: "executor: a request in progress counts as not sent", file: inExecutor + "exchange.go",
			old: `if e.progress == queued {`, new: `if e.progress != sent {`,
			test: "TestCancelWhileTheLinkIsStuck",
		},
		{
			name: "executor: a send whose outcome is uncertain counts as not sent", file: inExecutor + "exchange.go",
			old: `if errors.Is(err, link.ErrUncertain) {`, new: `if errors.Is(err, link.ErrUncertain) && e.err != nil {`,
			test: "TestMessageThatMayHaveArrived",
		},
		{
			name: "executor: a request that may have run is sent over the next link", file: inExecutor + "executor.go",
			old: `errors.Is(err, ErrLinkLost) && transport.StageOf(err) == transport.NotSent`, new: `errors.Is(err, ErrLinkLost)`,
			test: "TestLinkLostWhileSending|TestLinkLostAsTheMessageIsSent|TestFaultsBeforeTheHead",
		},
		{
			name: "executor: a failure without a stage counts as not sent", file: inExecutor + "reader.go",
			old: `if s, ok := execproto.ReadStage(f.Data); ok {`, new: `e.Stage = transport.NotSent
		if s, ok := execproto.ReadStage(f.Data); ok {`,
			test: "TestFaultsBeforeTheHead",
		},
		{
			name: "executor: a response is delivered to any exchange, whatever its id", file: inExecutor + "conn.go",
			old: `return c.exchanges[id]`, new: `for _, e := range c.exchanges {
		return e
	}
	return nil`,
			test: "TestHarmlessMessages",
		},
		{
			name: "executor: a second response to one request is accepted", file: inExecutor + "reader.go",
			old: `if e == nil || e.answered {`, new: `if e == nil {`,
			test: "TestHarmlessMessages",
		},
		{
			name: "executor: a missing part of a body is not detected", file: inExecutor + "reader.go",
			old: `if d.Seq != e.seq {`, new: `if d.Seq < e.seq {`,
			test: "TestFaultsInTheBody",
		},
		{
			name: "executor: a body shorter than its declared length ends without an error", file: inExecutor + "exchange.go",
			old: `if e.head.length < 0 || e.got == e.head.length {`, new: `if e.head.length < 0 || e.got <= e.head.length {`,
			test: "TestDeclaredLength",
		},
		{
			name: "executor: a body that was closed unread looks complete", file: inExecutor + "exchange.go",
			old: `case drop && unread > 0 && e.err == io.EOF:`, new: `case drop && unread > 0 && e.err == nil:`,
			test: "TestUnreadBodyDoesNotLookComplete",
		},
	}
}

// executorLimits are defects that disable limits.
func executorLimits() []mutant {
	return []mutant{
		{
			name: "executor: the unread body on a shared link has no limit", file: inExecutor + "exchange.go",
			old: `unread+size <= e.c.opts.Buffer)`, new: `unread+size > 0)`,
			test: "TestOverflow",
		},
		{
			name: "executor: the unread bodies of one link have no common limit", file: inExecutor + "exchange.go",
			old: `e.c.buffered.Load()+int64(size) <= int64(e.c.opts.BufferAll)`, new: `e.c.buffered.Load() >= 0`,
			test: "TestOverflowOfAllBodies",
		},
		{
			name: "executor: a slow consumer does not slow the executor down", file: inExecutor + "exchange.go",
			old: `case alone && (unread == 0 || unread+size <= windowSize),`, new: `case alone,`,
			test: "TestStalledReader",
		},
		{
			name: "executor: a message over the limit is sent", file: inExecutor + "request.go",
			old: `n > execproto.MaxMessage {`, new: `n > 2*execproto.MaxMessage {`,
			test: "TestRequestsThatCannotBeSent",
		},
		{
			name: "executor: one more link than MaxLinks is opened", file: inExecutor + "grow.go",
			old: `p.total() >= p.opts.MaxLinks || p.closed`, new: `p.total() > p.opts.MaxLinks || p.closed`,
			test: "TestWaitersAreServedInOrder",
		},
		{
			name: "executor: any number of requests wait on a shared link", file: inExecutor + "shared.go",
			old: `make(chan struct{}, maxPending)`, new: `make(chan struct{}, 100*maxPending)`,
			test: "TestPendingLimit",
		},
		{
			name: "executor: the number of refusals for an executor that does not read is unlimited", file: inExecutor + "reader.go",
			old: `full := c.refusals >= maxRefusals`, new: `full := c.refusals < 0`,
			test: "TestFloodOfRequestsFromTheExecutor",
		},
	}
}

// executorLinks are defects in opening, using and closing links.
func executorLinks() []mutant {
	return []mutant{
		{
			name: "executor: a cancelled exchange leaves its link open", file: inExecutor + "pool.go",
			old: `c.failIf(errUnused, noneLive)`, new: `_ = noneLive`,
			test: "TestCancelBeforeTheHead",
		},
		{
			name: "executor: closing an idle link ends an exchange that has just started on it", file: inExecutor + "conn.go",
			old: `{ return live == 0 && open > 0 }`, new: `{ return true }`,
			test: "TestLinkInUseAgainIsNotClosed",
		},
		{
			name: "executor: a link is shared before the head of its response has arrived", file: inExecutor + "conn.go",
			old: `if !e.headed.Load() {`, new: `if e.counted {`,
			test: "TestClaimsKeepALink",
		},
		{
			name: "executor: a slow consumer counts as silence", file: inExecutor + "conn.go",
			old: `if heard.IsZero() || c.stalled.Load() {`, new: `if heard.IsZero() {`,
			test: "TestSlowConsumerIsNotSilence",
		},
		{
			name: "executor: the link's lock is held while a message is sent", file: inExecutor + "writer.go",
			old: `err = c.link.Send(*out.frame)`, new: `c.mu.Lock()
	err = c.link.Send(*out.frame)
	c.mu.Unlock()`,
			test: "TestLinkLockIsFreeWhileSending",
		},
		{
			name: "executor: a link on which a caller sends may be shared", file: inExecutor + "conn.go",
			old: `c.retired || c.own || c.claims > 0`, new: `c.retired || c.claims > 0`,
			test: "TestLinkIsNotSharedWhileACallerSends",
		},
		{
			name: "executor: a variable of the executor's environment fills the header of any origin", file: inExecutor + "request.go",
			old: `return httprule.SameOrigin(h.origin, req.URL) &&`, new: `return h.origin != nil &&`,
			test: "TestHeadersFromEnv",
		},
		{
			name: "executor: a variable of the executor's environment goes to another virtual host", file: inExecutor + "request.go",
			old: `(req.Host == "" || req.Host == req.URL.Host)`, new: `req.URL.Host != ""`,
			test: "TestHeadersFromEnv",
		},
	}
}

// executorPool are defects in making links and in granting them.
func executorPool() []mutant {
	return []mutant{
		{
			name: "executor: one waiter makes many links", file: inExecutor + "grow.go",
			old: `if wanted <= len(g.makings) ||`, new: `if wanted == 0 ||`,
			test: "TestGrowthWithCheapLinks",
		},
		{
			name: "executor: links that are dear are made ten at a time", file: inExecutor + "grow.go",
			old: `max(1, int(burst/g.price))`, new: `10`,
			test: "TestGrowthUnderSlowCalls",
		},
		{
			name: "executor: a burst of short calls makes links", file: inExecutor + "grow.go",
			old: `w.joined.Add(2*g.price)`, new: `w.joined`,
			test: "TestBurstOfShortCalls",
		},
		{
			name: "executor: calls behind a slow head wait for a whole price", file: inExecutor + "grow.go",
			old: `min(g.price, patience)`, new: `g.price`,
			test: "TestCallBehindASlowHead",
		},
		{
			name: "executor: waiters lose their turn when a making fails", file: inExecutor + "waiters.go",
			old: `return cmp.Compare(a.turn, b.turn)`, new: `return cmp.Compare(b.turn, a.turn)`,
			test: "TestTurnsAfterAFailedMaking",
		},
		{
			name: "executor: a link that is granted as its waiter gives up is lost", file: inExecutor + "waiters.go",
			old: `g.c.unused()`, new: `_ = g.c`,
			test: "TestGrantThatComesTooLate",
		},
		{
			name: "executor: a making ends with the waiter that it began for", file: inExecutor + "making.go",
			old: `context.WithoutCancel(w.values)`, new: `w.values`,
			test: "TestUnwantedMaking",
		},
		{
			name: "executor: nothing bounds a making for which no exchange waits", file: inExecutor + "making.go",
			old: `m.cancel(errUnwanted)`, new: `_ = errUnwanted`,
			test: "TestUnboundedMaking",
		},
		{
			name: "executor: a link whose warm-up has no answer is not used for an hour", file: inExecutor + "warm.go",
			old: `time.NewTimer(warmLimit)`, new: `time.NewTimer(time.Hour)`,
			test: "TestSilentWarmUp",
		},
		{
			name: "executor: streams share a link although they could have their own", file: inExecutor + "streams.go",
			old: `return p.streams >= p.streamLimit() ||`, new: `return p.streams > 0 ||`,
			test: "TestStreamsWaitForTheirOwnLinks",
		},
		{
			name: "executor: the executor chooses a coding that nobody asked for", file: inExecutor + "request.go",
			old: `!has(headers, "Accept-Encoding")`, new: `c.fromEnv && !has(headers, "Accept-Encoding")`,
			test: "TestRequestForms",
		},
	}
}

// executorStats are defects in what a Transport counts and reports.
func executorStats() []mutant {
	return []mutant{
		{
			name: "executor: an exchange that was given up stays in progress", file: inExecutor + "conn.go",
			old: "c.stats.exchanges.Add(-1)", new: "if forget {\n\t\t\tc.stats.exchanges.Add(-1)\n\t\t}",
			test: "TestStatsOfASharedLink",
		},
		{
			name: "executor: exchanges stay in progress when their link is lost", file: inExecutor + "conn.go",
			old: "c.stats.exchanges.Add(int64(-c.live))", new: "_ = c.live",
			test: "TestStats",
		},
		{
			name: "executor: the bytes of handshakes are not counted", file: inExecutor + "executor.go",
			old: "t.stats.bytesOut.Add(int64(len(message)))", new: "_ = message",
			test: "TestStatsOfBytes",
		},
		{
			name: "executor: a link that expires counts as lost", file: inExecutor + "events.go",
			old: "!errors.Is(cause, errUnused) && ", new: "",
			test: "TestStatsOfThePool|TestNoEventsOfUnusedLinks",
		},
		{
			name: "executor: a link is lost before it was dialed", file: inExecutor + "conn.go",
			old: "ready := c.ready", new: "ready := true",
			test: "TestEventsOfLinksInTheMaking",
		},
		{
			name: "executor: callers learn of a lost link before the Observer", file: inExecutor + "conn.go",
			old: "c.reportLoss(err, len(open)) //", new: "defer c.reportLoss(err, len(open)) //",
			test: "TestLossIsReportedFirst",
		},
	}
}

// agentPolicy are defects that let a caller bypass the egress policy or reach the agent without
// permission.
func agentPolicy() []mutant {
	return []mutant{
		{
			name: "agent: only the first address of a name is checked", file: inAgent + "options.go",
			old: `c.Policy.judge(host, target)`, new: `c.Policy.judge(host, net.JoinHostPort(addrs[0].Unmap().String(), port))`,
			test: "TestEachAddressOfANameIsJudged",
		},
		{
			name: "agent: the target of a redirect is checked only when it is dialed", file: inAgent + "exchange.go",
			old: `if hops > 0 {`, new: `if hops > maxRedirects {`,
			test: "TestRefusedRedirectIsNotLookedUp",
		},
		{
			name: "agent: a rule that names a host opens a private network", file: inAgent + "policy.go",
			old: `(c == netclass.Public ||`, new: `(c == netclass.Public || c == netclass.Private ||`,
			test: "TestRules",
		},
		{
			name: "agent: private addresses are reached without a rule", file: inAgent + "policy.go",
			old: `if c == netclass.Private {`, new: `if c == netclass.Never {`,
			test: "TestRules",
		},
		{
			name: "agent: a denied address is allowed in its IPv6 form", file: inAgent + "policy.go",
			old: `v4.IsValid() {`, new: `v4.IsValid() && v4.IsUnspecified() {`,
			test: "TestRules",
		},
		{
			name: "agent: requests through a proxy are not checked", file: inAgent + "options.go",
			old: `if err := c.Policy.checkProxied(req.URL); err != nil {`, new: `if err := c.Policy.checkProxied(req.URL); err == errNoHost {`,
			test: "TestProxy",
		},
		{
			name: "agent: a page in a browser opens a link", file: inAgent + "listen.go",
			old: `case len(r.Header["Origin"]) > 0:`, new: `case len(r.Header["Origin"]) > 1:`,
			test: "TestPlainRequests",
		},
		{
			name: "agent: any token opens a link", file: inAgent + "listen.go",
			old: `subtle.ConstantTimeCompare(hash[:], l.token[:]) != 1`, new: `subtle.ConstantTimeCompare(hash[:], l.token[:]) > 1`,
			test: "TestToken",
		},
		{
			name: "agent: other machines may connect without a token", file: inAgent + "listen.go",
			old: `if opts.Token == "" && !ap.Addr().IsLoopback() {`, new: `if opts.Token == "" && !ap.Addr().IsValid() {`,
			test: "TestAddressesToListenAt",
		},
	}
}

// agentSecrets are defects that send headers to the wrong server.
func agentSecrets() []mutant {
	return []mutant{
		{
			name: "agent: a header from the environment is filled for another origin", file: inAgent + "request.go",
			old: `if !slices.Contains(origins, originOf(u)) {`, new: `if !slices.Contains(origins, originOf(u)) && len(origins) == 0 {`,
			test: "TestHeaderFromTheEnvironment",
		},
		{
			name: "agent: a header from the environment follows a redirect elsewhere", file: inAgent + "redirect.go",
			old: `return !describing[name] || slices.Contains(o.secret, name)`, new: `return !describing[name] && !slices.Contains(o.secret, name)`,
			test: "TestRedirects",
		},
		{
			name: "agent: credentials follow a redirect elsewhere", file: inAgent + "redirect.go",
			old: `"Accept": true, "Accept-Encoding"`, new: `"X-Api-Key": true, "Accept": true, "Accept-Encoding"`,
			test: "TestRedirects",
		},
	}
}

// agentExchanges are defects in running exchanges and in enforcing limits.
func agentExchanges() []mutant {
	return []mutant{
		{
			name: "agent: an exchange outlives its session", file: inAgent + "exchange.go",
			old: `return context.WithCancel(e.s.ctx)`, new: `return context.WithCancel(context.WithoutCancel(e.s.ctx))`,
			test: "TestLossOfTheLinkAbortsEverything",
		},
		{
			name: "agent: a redirected request counts as not sent", file: inAgent + "response.go",
			old: `!redirected && transport.StageOf(err) == transport.NotSent`, new: `transport.StageOf(err) == transport.NotSent`,
			test: "TestRedirectToAnUnreachableServer",
		},
		{
			name: "agent: a body that is not streamed has no limit", file: inAgent + "response.go",
			old: `case int64(len(data)) > limit:`, new: `case limit < 0:`,
			test: "TestBufferedResponse",
		},
		{
			name: "agent: exchanges hold memory that does not count", file: inAgent + "session.go",
			old: `if !s.account.swap(s.copied, e.held) {`, new: `if e.held = s.copied; e.held < 0 {`,
			test: "TestStats",
		},
		{
			name: "agent: a link has any number of exchanges", file: inAgent + "slots.go",
			old: `if t.room == 0 {`, new: `if t.room < 0 && t.free < 0 {`,
			test: "TestSlots",
		},
		{
			name: "agent: two streams have the same id", file: inAgent + "slots.go",
			old: `taken := t.active[e.id]; taken {`, new: `taken := t.active[e.id]; taken && t.room < 0 {`,
			test: "TestIDsOfStreams",
		},
		{
			name: "agent: a body is read ahead without limit", file: inAgent + "ahead.go",
			old: `for len(a.buf)+len(piece) > aheadMost && !a.stopped {`, new: `for len(a.buf) < 0 && !a.stopped {`,
			test: "TestReadAheadIsBounded",
		},
		{
			name: "agent: a body that breaks off ends without an error", file: inAgent + "stream.go",
			old: `if p.end != io.EOF {`, new: `if p.end == nil {`,
			test: "TestFailures",
		},
		{
			name: "agent: a stream keeps its place after its link is gone", file: inAgent + "stream.go",
			old: `if err != nil && p.end == nil {`, new: `if err != nil && p.end != nil {`,
			test: "TestStreamOnALostLink",
		},
	}
}

// agentBudget are defects that let a client use the memory of others.
func agentBudget() []mutant {
	return []mutant{
		{
			name: "agent: a greedy link may use the whole budget", file: inAgent + "budget.go",
			old: `held > b.small && held > 2*(b.limit-b.limit/4-total)`, new: `held > b.limit && held > b.small`,
			test: "TestSharesOfABudget",
		},
		{
			name: "agent: links that never give anything back are kept", file: inAgent + "budget.go",
			old: `b.evict(greedy * held)`, new: `_ = greedy`,
			test: "TestGreedyLinksAreEnded",
		},
		{
			name: "agent: a full budget ends no link", file: inAgent + "budget.go",
			old: `if total > b.limit-b.limit/8 {`, new: `if total > b.limit {`,
			test: "TestGreedyLinksAreEnded",
		},
		{
			name: "agent: a message that never ends keeps its memory", file: inAgent + "inbound.go",
			old: `m.late.Reset(m.timeout)`, new: `_ = m.timeout`,
			test: "TestMessageThatIsLate",
		},
		{
			name: "agent: a response that is not streamed does not count", file: inAgent + "response.go",
			old: `if !e.hold(size) {`, new: `if e.held += size; !e.s.account.try(0) {`,
			test: "TestResponseOverTheBudget|TestHostileClients",
		},
		{
			name: "agent: an exchange frees its place although its client reads nothing", file: inAgent + "exchange.go",
			old: `	e.s.release()
	if why != nil {`, new: `	e.s.release()
	e.s.slots.leave(&exchange{})
	if why != nil {`,
			test: "TestUnreadResponsesKeepTheirPlaces",
		},
		{
			name: "link: a message grows without asking its meter", file: "internal/link/inbox.go",
			old: `case size <= readBuffer || in.meter == nil:`, new: `case size > 0 || in.meter == nil:`,
			test: "TestMeter",
		},
		{
			name: "agent: the Host header is not judged", file: inAgent + "request.go",
			old: `if o.host != "" {`, new: `if o.host == "" && u.Host == "" {`,
			test: "TestHostHeaderThatThePolicyRefuses",
		},
		{
			name: "agent: the variables of the environment are open to every program", file: inAgent + "listen.go",
			old: `!opts.HeaderEnvWithoutToken {`, new: `opts.HeaderEnv == nil {`,
			test: "TestHeaderEnvRequiresAToken",
		},
	}
}
