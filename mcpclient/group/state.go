package group

import "time"

// Status is what a server of a group is doing.
type Status uint8

const (
	// Idle has not been tried yet: the group is lazy, and nothing needed the server.
	Idle Status = iota + 1
	// Connecting is being tried. That includes waiting for a free place; see [Options].Parallel.
	Connecting
	// Authorizing asks the user to log in. The connect timeout is paused meanwhile.
	Authorizing
	// Ready accepts calls.
	Ready
	// Down could not be connected, or was lost. The group tries again at [State].Retry.
	Down
	// NeedsAuth requires an authorization that the user has not given. The group does not try again until
	// [Group.Reconnect].
	NeedsAuth
	// Disabled is turned off in the configuration.
	Disabled
	// Unsupported is not a Streamable HTTP server, and [Options].Open is not set.
	Unsupported
	// Closed has left the group.
	Closed
)

var statusNames = [...]string{
	Idle: "idle", Connecting: "connecting", Authorizing: "waiting for login", Ready: "ready", Down: "down",
	NeedsAuth: "not authorized", Disabled: "disabled", Unsupported: "unsupported", Closed: "closed",
}

// String returns the status in words, such as "ready".
func (s Status) String() string {
	if int(s) >= len(statusNames) || statusNames[s] == "" {
		return "unknown"
	}
	return statusNames[s]
}

// State describes a server of a group at one moment.
type State struct {
	// Server is the server's name in the configuration.
	Server string
	Status Status
	// Since is when the server took on this status.
	Since time.Time
	// Tries is how many tries to connect have failed in a row.
	Tries int
	// Retry is when the next try starts, zero if none is planned.
	Retry time.Time
	// Err is why the server is Down, NeedsAuth or Unsupported; nil otherwise.
	Err error
	// Functions is how many functions of the server the model may call. A server that is down keeps
	// them.
	Functions int
}
