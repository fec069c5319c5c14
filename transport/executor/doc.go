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
// to the end. Closing the link cancels the request. A slow reader stalls only its own link.
//
// The number of links is bounded, and grows only when requests would otherwise wait longer than a
// new link costs. A request that waits gets the next link that is free or new, in the order of
// arrival. Links that are not needed expire after [Options.IdleTimeout]. Shared streams have a
// quarter of the links for themselves. More of them share these links, and are then buffered as on a
// single link.
//
// codex needs 10 to 35 ms of CPU for the first request on each link. So each new link is warmed with
// a request for http://127.0.0.1:0/, which connects to nothing. If codex has a proxy configured, the
// proxy sees that request, unless NO_PROXY names 127.0.0.1. [Options.NoWarmUp] leaves it out. Package
// agent needs no warm-up, and gets none. Most of the time goes into loading the system's CA
// certificates: if codex runs with SSL_CERT_FILE set to a small bundle with the CAs that your servers
// need, a link costs 1 to 2 ms.
//
// # One link for all
//
// With a single link ([Command], [New], [Options.Shared]), all exchanges share it. Unread bodies
// are then buffered, up to a limit. If more arrives, the exchange fails after the caller has read
// the buffered part. A canceled request continues at the executor until its body ends. Before that,
// the link may be replaced if no other exchange uses it, which also cancels the request.
//
// [Options.Shared] pays if many short requests run at once, none is ever slow, and canceling need not
// reach the server. Start codex with --concurrent-requests 128 then, and for [Command]: by default it
// runs one request of a link at a time, so one slow request delays all others. Over pipes it also
// has a defect: while bodies are open, it sometimes starts no more requests. With a link for each
// request, the flag changes nothing.
//
// # Metrics and events
//
// [Transport.Stats] returns numbers of links, exchanges and bytes, at any time and without
// allocating: export its gauges and counters as metrics. Many Waiting exchanges mean that links are
// dear or that [Options.MaxLinks] is too low. A growing LinksLost means that something cuts idle
// connections, which a lower [Options.KeepAlive] may prevent. [Options.Observer] is called for
// single events, such as a failed dial.
//
// # Errors
//
// Every error is a [*transport.Error]. Its stage is NotSent if the request cannot have reached the
// executor, or if the executor reports that it sent nothing; otherwise it is MaybeSent. It may wrap
// an [*ExecutorError], a [*RefusedError], a [*ProtocolError], [ErrLinkLost], [ErrOverflow] or
// [ErrTooLarge]. No error contains a header's value or a URL's query.
package executor
