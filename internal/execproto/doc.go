// Package execproto reads and writes the messages between a client and an
// executor: initialize, http/request and http/request/bodyDelta.
//
// The envelope is JSON-RPC 2.0 in shape, but no jsonrpc member is sent, and one
// that is received is ignored, as are members of other names. Both ends use this
// package: package executor writes requests and reads what comes back, package
// agent the other way round.
package execproto

// The methods of the protocol that both ends know.
const (
	MethodInitialize        = "initialize"         // request of the client
	MethodInitialized       = "initialized"        // notification of the client
	MethodEnvironmentInfo   = "environment/info"   // request of the client
	MethodEnvironmentStatus = "environment/status" // request of the client
	MethodHTTPRequest       = "http/request"       // request of the client
	MethodBodyDelta         = "http/request/bodyDelta"
)

// Codes of errors.
const (
	CodeInvalidRequest = -32600 // a message that cannot be read, or at the wrong time
	CodeUnknownMethod  = -32601
	CodeInvalidParams  = -32602 // nothing was sent to the server
	CodeFailed         = -32603 // anything else
)

const (
	// NobodysID is the id of an error that answers a message whose id could not be read.
	NobodysID = -1
	// MaxMessage is how large one message may be for an executor, in bytes (64 MiB).
	MaxMessage = 64 << 20
	// MaxFrame is how large one WebSocket frame of a message may be for an executor, in bytes (16 MiB).
	MaxFrame = 16 << 20
	// MaxDelta is how many bytes of a body one delta carries at most, decoded (1 MiB).
	MaxDelta = 1 << 20
	// maxDepth bounds the nesting of a message; executors read about as deep.
	maxDepth = 127
)
