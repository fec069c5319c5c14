package execproto

import "github.com/hawser-mcp/hawser/internal/jsonrpc"

// Stage is the data member of an error from package agent: how far a failed request got. Other
// executors do not send it.
type Stage struct {
	NotSent   bool // no part of the request can have reached the server
	Permanent bool // the same request cannot succeed
}

var stageObject = object{members: []string{"stage", "permanent"}}

// ReadStage reads the data of an error. ok is false if it has no stage.
func ReadStage(data []byte) (s Stage, ok bool) {
	c := jsonrpc.NewCursor(data, maxDepth)
	if len(data) == 0 || c.Kind() != jsonrpc.Object {
		return s, false
	}
	stageObject.read(&c, func(member string) {
		switch {
		case member == "stage" && c.Kind() == jsonrpc.String:
			stage := string(c.StringBytes())
			s.NotSent = stage == "notSent"
			ok = stage == "notSent" || stage == "maybeSent"
		case member == "permanent" && c.Kind() == jsonrpc.Bool:
			s.Permanent = c.Bool()
		default:
			c.Skip()
		}
	})
	c.End()
	return s, ok && c.Err() == nil
}

// AppendStage appends s as the data of an error.
func AppendStage(dst []byte, s Stage) []byte {
	stage := "maybeSent"
	if s.NotSent {
		stage = "notSent"
	}
	dst = append(append(dst, `{"stage":"`...), stage...)
	if s.Permanent {
		return append(dst, `","permanent":true}`...)
	}
	return append(dst, `","permanent":false}`...)
}
