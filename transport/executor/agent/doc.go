// Package agent is the far end of executor mode: it receives http/request messages over a link,
// performs them with this process's network, and sends the response bodies back as
// http/request/bodyDelta. It speaks the protocol of the codex exec-server (initialize,
// environment/info, environment/status, http/request), for package executor and for codex itself.
//
// [Listen] serves WebSockets, [ServeStdio] a pair of pipes, [Serve] any [Link].
//
// # What is sent
//
// A request is sent as it was received. The agent adds no User-Agent, Accept-Encoding or cookies,
// decodes no body, and runs the request once: it repeats nothing, except as package transport says of
// its Direct. Fields that frame a message or belong to one connection (Content-Length,
// Transfer-Encoding, Connection and the like) are left out in both directions. The [Policy] judges
// each address before a connection is made to it, even after a redirect. Proxies of the environment
// are ignored, see [Options].
//
// # What a client is told
//
// An error has data {"stage":"notSent"|"maybeSent","permanent":bool}: how far the request got, and
// whether a retry can succeed. Code −32602 always means that nothing was sent. Texts never contain
// the query of a URL, a header value or the value of an environment variable.
//
// # Sessions
//
// A session is nothing but its exchanges, which end with their link. So initialize with a
// resumeSessionId gets a new session with that ID: codex's client sends it after a lost link, and
// gives up for good when its session is unknown.
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
// Timers and ended contexts only cancel or close. The look-up of a name that was given up ends within
// package net, by that package's timeout. An exchange reads the next piece of its body only when the
// one before was written to the link, and up to 256 KiB ahead of a body that arrives in bulk. So a
// slow link holds little memory for each exchange, and slows the server down.
package agent
