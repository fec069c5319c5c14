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

// Clients that lose their streams together come back at different times: each wait is any part of
// what it may be at most. The longest possible wait doubles.
func TestReconnectSpreads(t *testing.T) {
	const clients = 1000
	all := make([]Reconnect, clients)
	for i := range all {
		all[i] = Reconnect{First: time.Second, Spread: true}
	}
	for longest := 2 * time.Second; longest <= 8*Ceiling; longest *= 2 {
		window := min(longest, Ceiling)
		tenths := make([]int, 11)
		for i := range all {
			wait := all[i].Next(false, 0, false)
			require.GreaterOrEqual(t, wait, Floor)
			require.LessOrEqual(t, wait, min(Floor+window, Ceiling))
			tenths[10*(wait-Floor)/window]++
		}
		for _, n := range tenths[:9] {
			require.InDelta(t, clients/10, n, 60, "of %v: %v", window, tenths)
		}
	}
}

// Clients that the server told to wait come back after that time, and spread as well.
func TestReconnectSpreadsWhatTheServerRequests(t *testing.T) {
	var sum time.Duration
	for range 1000 {
		r := Reconnect{First: time.Second, Spread: true}
		wait := r.Next(true, time.Minute, true)
		require.GreaterOrEqual(t, wait, time.Minute)
		require.Less(t, wait, time.Minute+2*time.Second)
		sum += wait - time.Minute
	}
	require.InDelta(t, time.Second, sum/1000, float64(100*time.Millisecond))
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
