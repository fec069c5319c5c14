package transport_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/transport"
)

func TestErrorText(t *testing.T) {
	cause := errors.New("refused")
	for want, err := range map[string]*transport.Error{
		"dial: refused (not sent)":              {Stage: transport.NotSent, Op: "dial", Err: cause},
		"refused (maybe sent)":                  {Err: cause},
		"dial: failed (not sent, permanent)":    {Stage: transport.NotSent, Permanent: true, Op: "dial"},
		"read body: refused (answered)":         {Stage: transport.Answered, Op: "read body", Err: cause},
		"round trip: refused (maybe sent)":      {Stage: 99, Op: "round trip", Err: cause},
		"x: transport closed (not sent)":        {Stage: transport.NotSent, Op: "x", Err: transport.ErrClosed},
		"failed (maybe sent)":                   {},
		"resume: read: refused (maybe sent)":    {Op: "resume", Err: &transport.Error{Op: "read", Err: cause}},
		"dial: refused (not sent, permanent)":   {Stage: transport.NotSent, Permanent: true, Op: "dial", Err: cause},
		"dial: refused (maybe sent, permanent)": {Permanent: true, Op: "dial", Err: cause},
	} {
		require.Equal(t, want, err.Error())
		require.Equal(t, err.Err, errors.Unwrap(err))
	}
}

func TestStageOfAnyError(t *testing.T) {
	ours := &transport.Error{Stage: transport.NotSent, Permanent: true, Err: errors.New("refused")}
	wrapped := fmt.Errorf("call: %w", ours)
	foreign := errors.New("an error of another package")
	require.Equal(t, transport.NotSent, transport.StageOf(wrapped))
	require.True(t, transport.IsPermanent(wrapped))
	require.Equal(t, transport.MaybeSent, transport.StageOf(foreign), "MaybeSent is always safe")
	require.False(t, transport.IsPermanent(foreign))
	require.False(t, transport.IsPermanent(nil))
}
