package oauth

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// A token source returns the token that the user's login obtained, and renews it when it expires. It
// never prompts, and never gives away the refresh token.
func TestTokenSource(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		src := r.client.TokenSource(t.Context())
		_, err := src.Token()
		require.Equal(t, KindLoginRequired, KindOf(err))
		require.ErrorContains(t, err, "call Client.Login")
		require.Zero(t, r.person.times())

		require.NoError(t, r.client.Login(t.Context()))
		first, err := src.Token()
		require.NoError(t, err)
		require.True(t, first.Valid())
		require.NotNil(t, w.Server.Accepts(first.AccessToken))
		require.Equal(t, "Bearer", first.Type())
		require.Empty(t, first.RefreshToken)
		require.Equal(t, time.Now().Add(time.Hour), first.Expiry)

		time.Sleep(2 * time.Hour)
		second, err := src.Token()
		require.NoError(t, err)
		require.NotEqual(t, first.AccessToken, second.AccessToken)
		require.NotNil(t, w.Server.Accepts(second.AccessToken))

		w.Server.RevokeAll(true)
		time.Sleep(2 * time.Hour)
		_, err = src.Token()
		require.Equal(t, KindLoginRequired, KindOf(err))
		require.ErrorContains(t, err, "expired")
		require.Equal(t, 1, r.person.times())
		require.NoError(t, r.client.Login(t.Context()))
		_, err = src.Token()
		require.NoError(t, err)
	})
}

// With a Grant, the first call of Token obtains a token.
func TestTokenSourceOfAGrant(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		given := issued(w)
		for name, cfg := range map[string]*Config{
			"client credentials": {Grant: ClientCredentials{}, Registration: Registration{ClientID: "service", ClientSecret: "secret"}},
			"a token source":     {Grant: FromTokenSource(given)},
		} {
			got, err := newRig(t, w, cfg).client.TokenSource(t.Context()).Token()
			require.NoError(t, err, name)
			require.NotNil(t, w.Server.Accepts(got.AccessToken), name)
		}
		require.Equal(t, 1, given.times())

		// It passes through two Clients: the token source of one is the Grant of another.
		chained := newRig(t, w, &Config{Grant: FromTokenSource(newRig(t, w, &Config{Grant: FromTokenSource(given)}).client.TokenSource(t.Context()))})
		chained.mustCall()
	})
}

// The context of the token source ends the wait, and the renewal goes on.
func TestTokenSourceObeysTheContext(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(refreshing)
		r := newRig(t, w, nil)
		require.NoError(t, r.client.Login(t.Context()))
		time.Sleep(2 * time.Hour)
		hold := make(chan struct{})
		w.Server.Change(func(s *authtest.Script) { s.Hold = hold })
		cause := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := r.client.TokenSource(ctx).Token()
			result <- err
		}()
		synctest.Wait()
		cancel(cause)
		require.ErrorIs(t, <-result, cause)
		close(hold)
		_, err := r.client.TokenSource(t.Context()).Token()
		require.NoError(t, err)
		require.Len(t, w.Server.Tokens("refresh_token"), 1)
	})
}

// A token that is bound to a key does not work outside the Client.
func TestTokenSourceRefusesBoundTokens(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		w.Server.Change(func(s *authtest.Script) { s.DPoP = true })
		r := newRig(t, w, &Config{DPoP: DPoPIfSupported})
		require.NoError(t, r.client.Login(t.Context()))
		got, err := r.client.TokenSource(t.Context()).Token()
		require.Nil(t, got)
		require.Equal(t, KindConfig, KindOf(err))
		require.ErrorContains(t, err, "DPoP")
	})
}
