package main

// exchangeMutants are defects of package streamablehttp.
var exchangeMutants = []mutant{
	{
		name: "cookies of any origin are kept", file: "streamablehttp/cookies.go",
		old:  ` || !fromOrigin(target, resp) {`,
		new:  ` {`,
		test: "TestCookiesStayAtTheirOrigin",
	},
	{
		name: "the caller's Cookie header is replaced", file: "streamablehttp/cookies.go",
		old: `	if own {
		return`,
		new: `	if false {
		return`,
		test: "TestCookiesOfTheCaller",
	},
	{
		name: "the reader of a stream keeps the stack of its opening", file: "streamablehttp/request.go",
		old:  `if !httprule.OpensStream(req.Method, req.Header) {`,
		new:  `if true {`,
		test: "TestStreamsAreOpenedApart",
	},
	{
		name: "a panic while a stream is opened ends the program", file: "streamablehttp/request.go",
		old:  `defer func() { o.panicked = recover(); done <- o }()`,
		new:  `defer func() { done <- o }()`,
		test: "TestPanicWhileAStreamIsOpened",
	},
	{
		name: "an idle stream keeps the window of an earlier one", file: "streamablehttp/stream.go",
		old:  `return new(sse.Reader), func() {}`,
		new:  `_ = req`,
		test: "TestStreamsHaveTheirOwnWindow",
	},
	{
		name: "the window of an idle stream is large", file: "internal/sse/reader.go",
		old:  `buf = make([]byte, idleBuffer)`,
		new:  `buf = make([]byte, firstBuffer)`,
		test: "TestWindowGrowsOnDemand",
	},
	{
		name: "a decorator is trusted about its last try", file: "streamablehttp/request.go",
		old:  `if out.guard.lost() &&`,
		new:  `if false &&`,
		test: "TestNotSentOfADecoratorThatRetries", pkg: "mcpclient",
	},
	{
		name: "a malformed answer counts as no answer", file: "streamablehttp/refusal.go",
		old:  `if !errors.Is(err, jsonrpc.ErrEmpty) && resemblesMessage(text) {`,
		new:  `if !errors.Is(err, jsonrpc.ErrEmpty) && false {`,
		test: "TestTraces",
	},
	{
		name: "the id of a response is ignored", file: "streamablehttp/post.go",
		old:  `case !msg.IDIs(x.id):`,
		new:  `case false:`,
		test: "TestReplyOfSuccess|TestViolationOnStream",
	},
	{
		name: "an error without an id on a resumed stream is the answer", file: "streamablehttp/post.go",
		old:  `case msg.Error != nil && isNull(msg.ID) && x.resumed:`,
		new:  `case false:`,
		test: "TestErrorWithoutIDOnResumedStream",
	},
	{
		name: "an error without an id answers after progress", file: "streamablehttp/post.go",
		old:  `isNull(msg.ID) && x.alone() && refusedUnread(`,
		new:  `isNull(msg.ID) && refusedUnread(`,
		test: "TestErrorWithoutIDOnStream",
	},
	{
		name: "the cursor is dropped", file: "streamablehttp/listen.go",
		old:  `header[headerCursor] = []string{id}`,
		new:  `_ = id`,
		test: "Resume",
	},
	{
		name: "a cut counts as the end", file: "streamablehttp/stream.go",
		old: `				return x.foreign
			}
			return lost
`,
		new: `				return x.foreign
			}
			return nil
`,
		test: "Cut|Resume",
	},
	{
		name: "a modern stream is resumed", file: "streamablehttp/stream.go",
		old:  `!resumable || x.session.modern || ctx.Err() != nil`,
		new:  `!resumable || ctx.Err() != nil`,
		test: "TestModernStreamsAreNotResumed",
	},
	{
		name: "retry: 0 reconnects in a busy loop", file: "internal/pacing/pacing.go", pkg: "streamablehttp",
		old:  `asked = max(asked, Floor)`,
		new:  ``,
		test: "Resume|Reconnect|Retry",
	},
	{
		name: "a failed resume is retried forever", file: "streamablehttp/resume.go",
		old:  `r.failures >= resumeTries ||`,
		new:  `r.failures >= 20*resumeTries ||`,
		test: "Resume|Reconnect|Retry",
	},
	{
		name: "a caller's User-Agent is overwritten", file: "streamablehttp/conn.go",
		old: `		c.header[textproto.CanonicalMIMEHeaderKey(name)] = append(`,
		new: `		if name = textproto.CanonicalMIMEHeaderKey(name); name == "User-Agent" {
			continue
		}
		c.header[name] = append(`,
		test: "TestUserAgentOfTheCaller",
	},
	{
		name: "empty streams are resumed forever", file: "streamablehttp/resume.go",
		old:  `return r.empty >= emptyStreams &&`,
		new:  `return r.empty >= 1000*emptyStreams &&`,
		test: "TestResumeGivesUpOnEmptyStreams",
	},
	{
		name: "streams with answers to other requests are resumed forever", file: "streamablehttp/resume.go",
		old:  `(x.strays == r.strays || x.events-r.events > x.strays-r.strays)`,
		new:  `true`,
		test: "TestResumeGivesUpOnEmptyStreams",
	},
	{
		name: "a stream with a comment counts as empty", file: "streamablehttp/resume.go",
		old:  `b.begun = b.begun || n > 0`,
		new:  ``,
		test: "TestResumePollsWithoutEnd",
	},
	{
		name: "Retry-After has no upper limit", file: "streamablehttp/status.go",
		old:  `return min(max(wait, 0), maxRetryAfter)`,
		new:  `return max(wait, 0)`,
		test: "RetryAfter|Refus",
	},
	{
		name: "a redirect leads to another origin", file: "streamablehttp/request.go",
		old:  `case !httprule.SameOrigin(next, from):`,
		new:  `case !strings.EqualFold(next.Scheme, from.Scheme):`,
		test: "Redirect",
	},
	{
		name: "the number of redirects is unlimited", file: "streamablehttp/request.go",
		old:  `case followed >= maxRedirects:`,
		new:  `case followed >= 50*maxRedirects:`,
		test: "Redirect",
	},
	{
		name: "a preview contains a secret", file: "streamablehttp/secrets.go",
		old:  `redact.Clean(redact.Mask(string(text[:min(len(text), maxErrorBody)]), c.secrets(resp)), limit)`,
		new:  `redact.Clean(text, limit)`,
		test: "TestSecretsOfTheRequestAreMasked",
	},
	{
		name: "secrets added by decorators are not masked", file: "streamablehttp/secrets.go",
		old:  `if holder, ok := c.rt.(redact.Holder); ok {`,
		new:  `if holder, ok := c.rt.(redact.Holder); ok && false {`,
		test: "TestSecretsOfTheRequestAreMasked",
	},
	{
		name: "the body size is unlimited", file: "streamablehttp/body.go",
		old:  `if int64(len(buf)) > limit {`,
		new:  `if false {`,
		test: "Limit|TooLong|Body",
	},
	{
		name: "a gzip bomb is read", file: "streamablehttp/post.go",
		old:  `buf, err := readAll(body, resp.ContentLength, x.limits.body())`,
		new:  `buf, err := readAll(body, resp.ContentLength, 1<<62)`,
		test: "Limit|Gzip|Body",
	},
	{
		name: "GetBody resends a request that may have been sent", file: "streamablehttp/request.go",
		old:  `return g != nil && g.exposed.Load() }`,
		new:  `return false }`,
		test: "Replay|Guard",
	},
	{
		name: "a 101 counts as a refusal", file: "streamablehttp/refusal.go",
		old:  `if httpstatus.Of(resp.StatusCode) == httpstatus.Informational {`,
		new:  `if false {`,
		test: "TestInterimStatusAsTheFinalResponse",
	},
	{
		name: "events without data keep a call alive", file: "streamablehttp/stream.go",
		old: `if len(ev.Data) == 0 {
			continue // heartbeats`,
		new: `event()
		if len(ev.Data) == 0 {
			continue // heartbeats`,
		test: "TestResumeIsNoEvent|Event",
	},
	{
		name: "a session id of any length is accepted", file: "streamablehttp/headers.go",
		old:  `if len(id) > maxSessionID {`,
		new:  `if len(id) > 1000*maxSessionID {`,
		test: "TestCheckSessionIDBoundsItsLength",
	},
	{
		name: "a stream that was read to its end is drained", file: "streamablehttp/stream.go",
		old:  `err == nil || refused) && !ended && !readEnd(`,
		new:  `err == nil || refused) && !readEnd(`,
		test: "TestStreamOfAnyRoundTripperThatEndsWithItsAnswer",
	},
	{
		name: "the end of a stream that has arrived is left to the drainer", file: "streamablehttp/stream.go",
		old:  ` && !ended && !readEnd(resp.Body) {`,
		new:  ` && !ended {`,
		test: "TestArrivedEndOfAStreamIsReadByTheCall",
	},
	{
		name: "a call waits for the end of its stream", file: "streamablehttp/drain.go",
		old:  `if !ok || !b.Ending() {`,
		new:  `if _ = b; !ok {`,
		test: "TestArrivedEndOfAStreamIsReadByTheCall",
	},
	{
		name: "data instead of the end counts as the end of a stream", file: "streamablehttp/drain.go",
		old:  "return err == io.EOF\n}\n\nfunc (d *drainer) enqueue",
		new:  "_ = err\n\treturn true\n}\n\nfunc (d *drainer) enqueue",
		test: "TestArrivedEndOfAStreamIsReadByTheCall",
	},
	{
		name: "a cookie changes the headers of all requests", file: "streamablehttp/request.go",
		old: `	if out.shared {
		out.header, out.shared = cloneHeader`,
		new: `	if false {
		out.header, out.shared = cloneHeader`,
		test: "TestSharedHeadersAreNotChanged",
	},
	{
		name: "requests with headers of their own share them", file: "streamablehttp/headers.go",
		old:  `case len(req.Header) > 0 || s.modern && len(req.Params) > 0:`,
		new:  `case s.modern && len(req.Params) > 0:`,
		test: "TestSharedHeadersAreNotChanged",
	},
	{
		name: "calls with mirrored arguments share their headers", file: "streamablehttp/headers.go",
		old:  `case len(req.Header) > 0 || s.modern && len(req.Params) > 0:`,
		new:  `case len(req.Header) > 0:`,
		test: "TestKeptToolHeadersAreBounded",
	},
	{
		name: "the headers of any number of tools are kept", file: "streamablehttp/headers.go",
		old:  `if h == nil && len(kept.byName) < maxToolHeaders {`,
		new:  `if h == nil {`,
		test: "TestKeptToolHeadersAreBounded",
	},
	{
		name: "decorators write into the headers of other requests", file: "streamablehttp/request.go",
		old: `	if c.owner != nil {
		out.header = s.sharedHeader(req)`,
		new: `	{
		out.header = s.sharedHeader(req)`,
		test: "TestDecoratorsGetTheirOwnHeader",
	},
}
