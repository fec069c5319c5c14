package mcpclient

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/verdict"
	"github.com/hawser-mcp/hawser/streamablehttp"
)

// Kinds and outcomes are converted from those of the retry table by number, so the numbers must be
// equal.
func TestKindsAreThoseOfTheRetryTable(t *testing.T) {
	for kind, of := range map[Kind]verdict.Kind{
		KindInvalid: verdict.KindInvalid, KindNotSent: verdict.KindNotSent, KindOutcomeUnknown: verdict.KindOutcomeUnknown,
		KindUnanswered: verdict.KindUnanswered, KindServer: verdict.KindServer, KindHTTP: verdict.KindHTTP,
		KindAuthRequired: verdict.KindAuthRequired, KindForbidden: verdict.KindForbidden, KindProtocol: verdict.KindProtocol,
		KindLimit: verdict.KindLimit, KindVersion: verdict.KindVersion, KindSessionLost: verdict.KindSessionLost,
	} {
		require.Equal(t, kind, Kind(of))
	}
	for outcome, of := range map[Outcome]verdict.Outcome{Unknown: verdict.Unknown, Answered: verdict.Answered, NotRun: verdict.NotRun} {
		require.Equal(t, outcome, Outcome(of))
	}
}

// The retry table contains the error codes as numbers, which must equal the constants.
func TestCodesAreThoseOfTheRetryTable(t *testing.T) {
	rpc := func(code int64) *streamablehttp.RPCError { return &streamablehttp.RPCError{Code: code, Status: 400} }
	modern := verdict.Situation{Modern: true, Tool: true}
	require.Equal(t, verdict.StepVersion, verdict.Judge(rpc(CodeUnsupportedVersion), modern).Step)
	require.Equal(t, verdict.StepTools, verdict.Judge(rpc(CodeHeaderMismatch), modern).Step)
	require.Equal(t, verdict.NotRun, verdict.Judge(rpc(CodeMissingCapability), modern).Outcome)
	require.True(t, verdict.IsUnknownMethod(rpc(CodeMethodNotFound)))
	legacy := verdict.Situation{InSession: true}
	require.Equal(t, verdict.StepFail, verdict.Judge(rpc(CodeInvalidParams), legacy).Step)
	require.Equal(t, verdict.StepProbe, verdict.Judge(rpc(CodeResourceNotFound), legacy).Step)
}
