// Package execproto reads and writes the messages between a client and an executor: initialize,
// http/request and http/request/bodyDelta.
//
// The envelope has the shape of JSON-RPC 2.0, but no jsonrpc member is sent, and a received one is
// ignored, like all unknown members. Both ends use this package: package executor writes requests
// and reads responses, package agent does the reverse.
package execproto

// The methods of the protocol.
const (
	MethodInitialize        = "initialize"         // request of the client
	MethodInitialized       = "initialized"        // notification of the client
	MethodEnvironmentInfo   = "environment/info"   // request of the client
	MethodEnvironmentStatus = "environment/status" // request of the client
	MethodHTTPRequest       = "http/request"       // request of the client
	MethodBodyDelta         = "http/request/bodyDelta"
)

// Error codes.
const (
	CodeInvalidRequest = -32600 // an unreadable message, or one at the wrong time
	CodeUnknownMethod  = -32601
	CodeInvalidParams  = -32602 // nothing was sent to the server
	CodeFailed         = -32603 // anything else
)

const (
	// NobodysID is the ID in the error response to a message whose ID cannot be read.
	NobodysID = -1
	// MaxMessage bounds a message that an executor accepts, in bytes.
	MaxMessage = 64 << 20
	// MaxFrame bounds a WebSocket frame that an executor accepts, in bytes.
	MaxFrame = 16 << 20
	// MaxDelta bounds the decoded piece of a body in one delta, in bytes.
	MaxDelta = 1 << 20
	// MaxHeaders bounds the header fields of a request or a response.
	MaxHeaders = 10_000
	// maxDepth bounds the nesting of a message. The limits of executors are similar.
	maxDepth = 127
)
