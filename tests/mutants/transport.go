package main

// transportMutants are defects of package transport, except for HTTP/2.
var transportMutants = []mutant{
	{
		name: "transport: a write in progress counts as not started", file: "transport/conns.go",
		old: `c.writes.Add(1)
	return c.Conn.Write(p)`, new: `n, err := c.Conn.Write(p)
	c.writes.Add(uint32(min(n, 1)))
	return n, err`,
		test: "TestStageWhileAWriteIsInProgress",
	},
	{
		name: "transport: Close of a body ends the next exchange on its connection", file: "transport/exchange.go",
		old: `b.conn.user.CompareAndSwap(e, leaving)`, new: `b.conn.user.Load() != nil`,
		test: "TestCloseSparesTheNextExchangeOnTheConnection",
	},
	{
		name: "transport: an exchange uses a connection that is about to be closed", file: "transport/exchange.go",
		old: `if e.conn.user.Swap(e) == leaving {`, new: `if e.conn.user.Swap(e); false {`,
		test: "TestConnectionThatIsAboutToBeClosedIsNotUsed",
	},
	{
		name: "transport: net/http may repeat a POST", file: "transport/exchange.go",
		old: `out.GetBody = nil`, new: `_ = out.GetBody`,
		test: "TestOutgoingDoesNotLetNetHTTPRepeat",
	},
	{
		name: "transport: a guarded request uses a connection that was not checked", file: "transport/direct.go",
		old: `return d.guarded, nil, nil`, new: `return d.plain, nil, nil`,
		test: "TestDialGuard",
	},
	{
		name: "transport: a stream has the buffers of a call", file: "transport/direct.go",
		old: `via = d.streams`, new: `via = d.plain`,
		test: "TestStreamsHaveSmallBuffers",
	},
	{
		name: "transport: connections of streams are kept beyond the limits", file: "transport/direct.go",
		old: `d.streams.MaxIdleConnsPerHost = -1`, new: `d.streams.MaxIdleConnsPerHost = 8`,
		test: "TestConnectionsOfStreamsAreNotKept",
	},
	{
		name: "transport: an abandoned HTTP/2 exchange counts as not sent", file: "transport/worker.go",
		old: `err := &Error{Stage: MaybeSent, Op: "round trip", Err: errGivenUp}`, new: `err := &Error{Stage: NotSent, Op: "round trip", Err: errGivenUp}`,
		test: "TestRoundTripThatNeverReturns",
	},
	{
		name: "transport: a frozen HTTP/2 pool is used again", file: "transport/worker.go",
		old: "w.pool.retire()\n", new: "",
		test: "TestRoundTripThatNeverReturns|TestThousandRoundTripsThatNeverReturn",
	},
	{
		name: "transport: the number of abandoned HTTP/2 exchanges is unlimited", file: "transport/pool.go",
		old: `case o.abandoned.Load() < maxAbandoned:`, new: `case true:`,
		test: "TestThousandRoundTripsThatNeverReturn",
	},
	{
		name: "transport: a request body is read after its exchange", file: "transport/reqbody.go",
		old: `if b.closed.Load() {`, new: `if false {`,
		test: "TestRequestBodyIsReturnedToTheCaller",
	},
	{
		name: "transport: a connection from a custom dialer is not checked", file: "transport/conns.go",
		old: `if err := judgeConn(ctx, nc); err != nil {`, new: `if err := judgeConn(ctx, nc); err == errNoConn {`,
		test: "TestDialGuardAfterACustomDial",
	},
	{
		name: "transport: NoProxy does not disable the environment's proxy", file: "transport/direct.go",
		old: `case o.NoProxy:`, new: `case o.NoProxy && o.Proxy != nil:`,
		test: "TestProxyFromTheEnvironment",
	},
	{
		name: "transport: the address of a proxy is checked instead of the server's", file: "transport/guard.go",
		old: `if d == nil || d.proxied {`, new: `if d == nil {`,
		test: "TestDialGuardLeavesProxiesAlone",
	},
	{
		name: "transport: requests are sent after Close", file: "transport/direct.go",
		old: `d.closed.Store(true)`, new: `d.closed.Store(false)`,
		test: "TestCloseIsTheCauseOfTheErrorsItMakes",
	},
	{
		name: "transport: a cut connection looks like the end of a body", file: "transport/cause.go",
		old: `return io.ErrUnexpectedEOF`, new: `return io.EOF`,
		test: "TestCleanKeepsTheChainUnlessItHoldsASecret|TestDirectKeepsTheContract|TestStageAfterTheRequestIsSent",
	},
	{
		name: "transport: the beginning of a chunk counts as the end of a body", file: "transport/tail.go",
		old: `return string(arrived) == lastChunk ||`, new: `return len(arrived) > 0 ||`,
		test: "TestEndingIsFalseIfAReadMightWait",
	},
	{
		name: "transport: a prepared request without a body is sent itself", file: "transport/prepared.go",
		old: ` || req.Body == nil || req.Body == http.NoBody || req.GetBody != nil {`, new: ` {`,
		test: "TestPreparedRequestIsCopiedIfNecessary|TestPreparedRequestsKeepTheContract",
	},
	{
		name: "transport: the user's Proxy sees prepared requests", file: "transport/prepared.go",
		old: `if d.custom || guardOf(ctx) != nil {`, new: `if guardOf(ctx) != nil {`,
		test: "TestPrepareRefuses",
	},
	{
		name: "transport: guarded requests are prepared", file: "transport/prepared.go",
		old: `if d.custom || guardOf(ctx) != nil {`, new: `if d.custom {`,
		test: "TestPrepareRefuses",
	},
}
