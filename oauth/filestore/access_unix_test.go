//go:build unix

package filestore

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	require.NoError(t, judge(0o700, 1000, 1000))
	require.NoError(t, judge(0o500, 1000, 1000))
	require.ErrorIs(t, judge(0o700, 0, 1000), ErrUnsafe)
	require.ErrorIs(t, judge(0o700, 1000, 0), ErrUnsafe, "the owner of the directory could mislead root")
	require.ErrorIs(t, judge(0o710, 1000, 1000), ErrUnsafe)
	require.ErrorIs(t, judge(0o704, 1000, 1000), ErrUnsafe)
}
