package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient"
)

// The outcome of a failed call takes precedence over the error kind in choosing the exit code.
func TestExitCodes(t *testing.T) {
	busy := &mcpclient.HTTPError{Status: 429}
	for _, c := range []struct {
		err  mcpclient.Error
		code int
	}{
		{mcpclient.Error{Kind: mcpclient.KindInvalid, Outcome: mcpclient.NotRun}, exitUsage},
		{mcpclient.Error{Kind: mcpclient.KindTool, Outcome: mcpclient.Answered}, exitTool},
		{mcpclient.Error{Kind: mcpclient.KindNotSent, Outcome: mcpclient.NotRun}, exitNotRun},
		{mcpclient.Error{Kind: mcpclient.KindHTTP, Outcome: mcpclient.NotRun, Err: busy}, exitNotRun},
		{mcpclient.Error{Kind: mcpclient.KindSessionLost, Outcome: mcpclient.NotRun}, exitNotRun},
		{mcpclient.Error{Kind: mcpclient.KindServer, Outcome: mcpclient.Answered}, exitRefused},
		{mcpclient.Error{Kind: mcpclient.KindForbidden, Outcome: mcpclient.Answered}, exitRefused},
		{mcpclient.Error{Kind: mcpclient.KindAuthRequired, Outcome: mcpclient.NotRun}, exitAuth},
		{mcpclient.Error{Kind: mcpclient.KindAuthRequired, Outcome: mcpclient.Unknown}, exitUnknown},
		{mcpclient.Error{Kind: mcpclient.KindHTTP, Outcome: mcpclient.Unknown}, exitUnknown},
		{mcpclient.Error{Kind: mcpclient.KindTimeout, Outcome: mcpclient.Unknown}, exitUnknown},
		{mcpclient.Error{Kind: mcpclient.KindLimit, Outcome: mcpclient.Unknown}, exitUnknown},
		{mcpclient.Error{Kind: mcpclient.KindHTTP, Method: "connect", Outcome: mcpclient.NotRun, Err: &mcpclient.HTTPError{Status: 405}}, exitRefused},
		{mcpclient.Error{Kind: mcpclient.KindNotSent, Method: "connect", Outcome: mcpclient.NotRun}, exitNotRun},
	} {
		require.Equal(t, c.code, codeOf(&c.err), "%v %v", c.err.Kind, c.err.Outcome)
		require.NotEmpty(t, kindNames[c.err.Kind])
	}
	for kind := mcpclient.KindInvalid; kind <= mcpclient.KindTool; kind++ {
		require.NotEmpty(t, kindNames[kind], kind)
	}
}
