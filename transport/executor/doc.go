// Package executor sends HTTP requests from somewhere else: it is a
// [transport.Transport] that turns each request into an http/request call to an
// executor, a program in a sandbox or in another network, and rebuilds the
// response's body from the http/request/bodyDelta messages that come back. The
// executor is the exec-server of codex, or package agent.
//
//	t, err := executor.Dial(ctx, "ws://127.0.0.1:8765", nil)
//	defer t.Close()
//	session, err := mcpclient.Connect(ctx, url, &mcpclient.Options{Transport: t})
//
// [Dial] reaches an executor over a WebSocket, [Command] starts one as a child
// process, [Open] uses links of the caller's own making, [New] a single one.
//
// # Links
//
// The protocol can neither cancel a request nor slow a body down, and an
// executor may run one request of a link at a time. So links are used as
// HTTP/1.1 uses connections: one exchange a link, kept for the next one when
// its body was read to the end, closed when it is given up, which is the cancel. A
// reader that stops reading stalls its own link and nothing else. The number of
// links is bounded; event streams that stand open cannot take the last one.
//
// Where there is one link only ([Command], [New], [Options.Shared]), exchanges share it. Then a
// body is buffered, within bounds, while it is not read; more than that fails
// its exchange, after what is buffered was read. An exchange that was given up goes on at the executor until
// its body ends, or until the link is replaced because nobody else needs it.
//
// # Errors
//
// Every error is a [*transport.Error]. Its stage is NotSent if the request
// cannot have reached the executor, or the executor says that it sent nothing;
// else MaybeSent. It may wrap an [*ExecutorError], a [*RefusedError], a
// [*ProtocolError], [ErrLinkLost], [ErrOverflow] or [ErrTooLarge]. No error holds a header's value or a URL's query.
package executor
