// Package agent is the far end of executor mode: it takes http/request messages
// from a link, performs them with this process's network, and sends the response
// bodies back as http/request/bodyDelta. It speaks the protocol of the codex
// exec-server (initialize, environment/info, environment/status, http/request),
// so that package executor and codex itself can use it.
//
// [Listen] serves WebSockets, [ServeStdio] a pair of pipes, [Serve] any [Link].
//
// # What is sent
//
// A request goes out as it was asked for: no User-Agent, no Accept-Encoding and no
// cookie is added, no body is decoded, and it is executed once: nothing is
// repeated, except as package transport says of its Direct. Fields that frame a
// message or belong to one connection (Content-Length, Transfer-Encoding,
// Connection and the like) are left out in both directions. The [Policy] is asked
// about each address before a connection is made to it, also after a redirect.
// Proxies of the environment are ignored, see [Options].
//
// # What a client is told
//
// An error has data {"stage":"notSent"|"maybeSent","permanent":bool}: how far the
// request got, and whether the same one could succeed. Code −32602 always means
// that nothing was sent. Texts never hold the query of a URL, a header value or
// the value of an environment variable.
//
// # Sessions
//
// A session holds nothing but its exchanges, and these end with their link. So
// initialize with a resumeSessionId is answered with a new session of that id:
// codex's own client asks for that when a link was lost, and gives up for good when it
// is told that the session is unknown.
//
// # Goroutines
//
//	goroutine               started by   ended by                             who waits
//	reader of a link        –            it is the one that called Serve      –
//	exchange, one each      the reader   its last frame, or the link's end    Serve
//	read ahead, in bulk     an exchange  the body's end, or the link's        the exchange
//	acceptor of a Listener  Listen       Listener.Close                       Close
//	link of a Listener      net/http     the link's end, or Listener.Close    Close, at most 5 s
//	connections, dials      net/http     the end of Serve, or Listener.Close  the same
//
// Timers and ended contexts only cancel or close. A look-up of a name that was given up
// ends within package net, by that package's own timeout. An exchange reads the next piece
// of its body only when the one before was written to the link; of a body that comes
// in bulk it reads 256 KiB ahead meanwhile. So a slow link holds little for each exchange, and slows the server down.
package agent
