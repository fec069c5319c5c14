// Package executor sends HTTP requests from another place: a sandbox or another network. Its
// [transport.Transport] turns each request into an http/request call to an executor there, and
// rebuilds the response's body from the http/request/bodyDelta messages that come back. The
// executor is the exec-server of codex, or a program that uses package agent.
//
//	t, err := executor.Dial(ctx, "ws://127.0.0.1:8765", nil)
//	defer t.Close()
//	session, err := mcpclient.Connect(ctx, url, &mcpclient.Options{Transport: t})
//
// [Dial] reaches an executor over a WebSocket. [Command] starts one as a child process. [Open] uses
// links that the caller makes. [New] uses a single link.
//
// # Links
//
// The protocol can neither cancel a request nor slow down a body, and an executor may run only one
// request of a link at a time. So each request uses its own link to the executor, as with HTTP/1.1
// connections, and requests never block each other. A link is reused after its body has been read
// to the end. Closing the link cancels the request. A slow reader stalls only its own link. The
// number of links is bounded, and shared streams cannot use the last free one.
//
// With a single link ([Command], [New], [Options.Shared]), all exchanges share it. Unread bodies
// are then buffered, up to a limit. If more arrives, the exchange fails after the caller has read
// the buffered part. A canceled request continues at the executor until its body ends. Before that,
// the link may be replaced if no other exchange uses it, which also cancels the request.
//
// # Errors
//
// Every error is a [*transport.Error]. Its stage is NotSent if the request cannot have reached the
// executor, or if the executor reports that it sent nothing; otherwise it is MaybeSent. It may wrap
// an [*ExecutorError], a [*RefusedError], a [*ProtocolError], [ErrLinkLost], [ErrOverflow] or
// [ErrTooLarge]. No error contains a header's value or a URL's query.
package executor
