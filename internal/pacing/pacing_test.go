package pacing

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func about(t *testing.T, want, got time.Duration) {
	t.Helper()
	require.InEpsilon(t, want, got, 0.21)
}

func TestExponential(t *testing.T) {
	b := Exponential(time.Second, 4, 10*time.Second)
	for _, want := range []time.Duration{time.Second, 4 * time.Second, 10 * time.Second, 10 * time.Second} {
		about(t, want, b.NextBackOff())
	}
}

func TestReconnectGrowsUntilAStreamWasUseful(t *testing.T) {
	r := Reconnect{First: time.Second}
	for want := time.Second; want <= 16*time.Second; want *= 2 {
		about(t, want, r.Next(false, 0, false))
	}
	for range 3 {
		require.LessOrEqual(t, r.Next(false, 0, false), Ceiling+Ceiling/5)
	}
	r.Reset()
	about(t, time.Second, r.Next(true, 0, false))
	about(t, 2*time.Second, r.Next(true, 0, false))
}

func TestReconnectAsTheServerRequests(t *testing.T) {
	r := Reconnect{First: time.Second}
	require.Equal(t, time.Minute, r.Next(true, time.Minute, true))
	require.Equal(t, Floor, r.Next(true, 0, true))
	about(t, 4*time.Second, r.Next(false, 0, true))
	require.Equal(t, time.Minute, r.Next(false, time.Minute, true))
}

func TestSleepEndsWithItsContexts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, Sleep(t.Context(), time.Second))
		require.NoError(t, Sleep(t.Context(), -1))
		require.Equal(t, time.Second, time.Since(start))
		why := errors.New("why")
		ended, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		require.Equal(t, why, SleepWithin(t.Context(), ended, time.Hour))
		require.Equal(t, why, Sleep(ended, time.Hour))
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}
