package agent

import (
	"crypto/rand"
	"encoding/json"
	"runtime"

	"github.com/hawser-mcp/hawser/internal/execproto"
	"github.com/hawser-mcp/hawser/internal/release"
)

// environmentInfo describes the agent to a client. codex clients require all its fields. It does
// not reveal where the agent runs, or as which user.
type environmentInfo struct {
	Shell           shell        `json:"shell"`
	ExecutorVersion string       `json:"executorVersion"`
	PlatformOs      string       `json:"platformOs"`
	Capabilities    capabilities `json:"capabilities"`
}

// shell is required by codex clients. The agent never starts a process.
type shell struct {
	Name string `json:"name"`
	Path string `json:"path"`
}

type capabilities struct {
	HTTPHeaderEnvVars bool `json:"httpHeaderEnvVars"`
	HTTPReady         bool `json:"httpReady"`
}

func (s *session) environment() json.RawMessage {
	platform := runtime.GOOS
	if platform == "darwin" {
		platform = "macos"
	}
	return marshal(environmentInfo{
		Shell:           shell{Name: "sh", Path: "sh"},
		ExecutorVersion: release.Version,
		PlatformOs:      platform,
		Capabilities:    capabilities{HTTPHeaderEnvVars: len(s.c.env) > 0, HTTPReady: true},
	})
}

// marshal encodes values whose encoding cannot fail.
func marshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

const maxSessionID = 128 // of a session that a client wants to resume, in bytes

// initialize answers the first request of a link. After an error the client may send initialize
// again.
func (s *session) initialize(m *execproto.Message) {
	id, refusal := s.sessionID(m)
	if refusal != nil {
		s.fail(m.RawID, refusal)
		return
	}
	s.state = initialized
	s.answer(m.RawID, marshal(struct {
		SessionID       string          `json:"sessionId"`
		EnvironmentInfo json.RawMessage `json:"environmentInfo"`
	}{id, s.environment()}))
}

// sessionID returns the ID of the session that the client wants to resume, or a new ID if it does
// not resume one.
func (s *session) sessionID(m *execproto.Message) (string, *failure) {
	var params struct {
		ClientName *string `json:"clientName"`
		Resume     *string `json:"resumeSessionId"`
	}
	switch {
	case s.state != begun:
		return "", &failure{code: execproto.CodeInvalidRequest, text: "initialize may only be sent once per connection"}
	case len(m.Params) > 0 && json.Unmarshal(m.Params, &params) != nil:
		return "", &failure{code: execproto.CodeInvalidParams, text: "initialize: invalid parameters"}
	case params.ClientName == nil:
		return "", &failure{code: execproto.CodeInvalidParams, text: "initialize: missing field `clientName`"}
	case params.Resume == nil:
		return rand.Text(), nil
	}
	id := *params.Resume
	if id == "" || len(id) > maxSessionID || !isASCII(id) {
		return "", &failure{code: execproto.CodeInvalidRequest, text: "unknown session id"}
	}
	return id, nil
}
