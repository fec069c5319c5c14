// Package executor sends HTTP requests from another place: a sandbox or another network. Its
// [transport.Transport] turns each request into an http/request call to an executor there, and
// rebuilds the response's body from the http/request/bodyDelta messages that come back. The executor
// is the exec-server of codex, or package agent.
//
//	t, err := executor.Dial(ctx, "ws://127.0.0.1:8765", nil)
//	defer t.Close()
//	session, err := mcpclient.Connect(ctx, url, &mcpclient.Options{Transport: t})
//
// [Dial] reaches an executor over a WebSocket, [Command] starts one as a child process, [Open] uses
// links that the caller makes, [New] a single link.
//
// # Links
//
// The protocol can neither cancel a request nor slow a body down, and an executor may run one request
// of a link at a time. So each request uses its own link to the executor, as with HTTP/1.1
// connections, and requests never block each other. A link is reused after its body was read to the
// end; closing the link cancels the request. A slow reader stalls only its own link. The number of
// links is bounded, and shared streams cannot take the last one.
//
// With a single link ([Command], [New], [Options.Shared]), exchanges share it. An unread body is
// buffered then, within bounds; beyond them its exchange fails, after what is buffered was read. A
// request that was given up continues at the executor until its body ends, or until the link is
// replaced because nothing else needs it.
//
// # Errors
//
// Every error is a [*transport.Error]. Its stage is NotSent if the request cannot have reached the
// executor, or if the executor says that it sent nothing, and else MaybeSent. It may wrap an
// [*ExecutorError], a [*RefusedError], a [*ProtocolError], [ErrLinkLost], [ErrOverflow] or
// [ErrTooLarge]. No error contains a header's value or a URL's query.
package executor
