// Package agent is the far end of executor mode. It receives http/request messages over a link,
// sends these requests over this process's network, and sends the response bodies back as
// http/request/bodyDelta messages. It speaks the protocol of the codex exec-server (initialize,
// environment/info, environment/status, http/request), for package executor and for codex itself.
//
// [Listen] serves WebSockets, [ServeStdio] a pair of pipes, [Serve] any [Link].
//
// # What is sent
//
// A request is sent as it was received. The agent adds no User-Agent, Accept-Encoding or cookies,
// and decodes no body. It sends the request once, except in the cases that package transport lists
// for Direct. Header fields that frame a message or belong to one connection (Content-Length,
// Transfer-Encoding, Connection and similar fields) are dropped in both directions. The headers of
// a response may have 128 KiB. The [Policy] judges each address before a connection to it is made,
// even after a redirect, and each Host header. If the agent follows a redirect to another origin,
// it sends only headers that describe the request, such as Accept and Content-Type. The proxy
// settings of the environment are ignored, see [Options].
//
// # Errors sent to a client
//
// The data of an error is {"stage":"notSent"|"maybeSent","permanent":bool}: how far the request
// got, and whether a retry cannot succeed. Code −32602 always means that nothing was sent. Error
// texts never contain the query of a URL, a header value or the value of an environment variable.
//
// # Memory
//
// All that the agent holds for its clients counts against a [Budget], see there. A client that
// sends too much, does not read or stops in the middle of a message gets errors, or loses its link.
// Other clients are served.
//
// # Sessions
//
// A session has no state except its exchanges, which end with their link. So an initialize with a
// resumeSessionId gets a new session with that ID. codex's client sends resumeSessionId after a
// lost link, and gives up permanently if the executor does not know the session.
//
// # Goroutines
//
//	goroutine               started by   ended by                             who waits
//	reader of a link        –            it is the one that called Serve      –
//	exchange, one each      the reader   its last frame, or the link's end    Serve
//	read ahead, in bulk     an exchange  the body's end, or the link's        the exchange
//	acceptor of a Listener  Listen       Listener.Close                       Close, at most 5 s
//	link of a Listener      net/http     the link's end, or Listener.Close    Close, at most 5 s
//	connections, dials      net/http     the end of Serve, or Listener.Close  the same
//
// Timers and ended contexts only cancel or close. After a name lookup is canceled, its goroutine in
// package net ends at that package's timeout. An exchange reads the next piece of its body only
// after the previous one was written to the link. It reads up to 256 KiB ahead of a body that
// arrives in bulk, if the Budget has room. So a slow link uses little memory for each exchange, and
// slows the server down.
package agent
