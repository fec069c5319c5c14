package oauth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/authtest"
)

// Types that hold a secret do not reveal it when they are printed, logged or marshaled. All secrets
// in this test contain the word SECRET.
func TestNothingPrintsSecrets(t *testing.T) {
	inWorld(t, func(t *testing.T, w *authtest.World) {
		var log bytes.Buffer
		w.Server.Change(func(s *authtest.Script) { refreshing(s); s.Auth = authPost; s.DPoP = true })
		store := NewMemoryStore()
		cfg := &Config{
			Store: store, DPoP: DPoPAlways,
			Logger:       slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Registration: Registration{ClientID: "id", ClientSecret: "SECRETclient"},
		}
		w.Server.AddClient("id", "SECRETclient", callbackURI)
		r := newRig(t, w, cfg)
		r.mustCall()
		w.Server.RevokeAll(true)
		r.mustCall()
		tok := r.client.held.Load()
		require.Contains(t, tok.Access, "SECRET")
		status, err := r.client.Status(t.Context())
		require.NoError(t, err)
		f, err := r.client.newFlow(t.Context(), r.client.known.target(), false)
		require.NoError(t, err)
		f.verifier, f.state = "SECRETverifier", "SECRETstate"
		who := &registered{clientID: "id", secret: "SECRETclient"}
		for _, v := range []any{
			tok, tok.tokenRecord, r.client, cfg, *cfg, cfg.Registration, &cfg.Registration, store, status, f, who, *who, tok.key,
			&tokenReply{Access: "SECRET"}, tokenReply{Access: "SECRET"}, storedClient{Secret: "SECRET"},
			&ClientKey{PEM: []byte("SECRET")}, ClientKey{PEM: []byte("SECRET")}, storedKey{PKCS8: []byte("SECRET")},
			EnterpriseManaged{ClientSecret: "SECRET"}, []any{tok, who}, map[string]any{"x": tok.tokenRecord}, struct{ T *token }{tok},
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				shown := fmt.Sprintf(verb, v)
				require.NotContains(t, shown, "SECRET", "%s of %T", verb, v)
				require.NotContains(t, shown, fmt.Sprintf("%x", "SECRET"), "%s of %T", verb, v)
				require.NotContains(t, shown, "83 69 67 82 69 84", "%s of %T", verb, v)
			}
			switch v.(type) {
			case storedClient, storedKey:
				continue // the JSON of these types is the stored form, with secrets
			}
			text, _ := json.Marshal(v) // a value with functions cannot be marshaled, so it has no JSON to check
			require.NotContains(t, string(text), "SECRET", "JSON of %T", v)
			for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
				slog.New(handler).Info("x", "v", v)
			}
		}
		require.NotContains(t, log.String(), "SECRET")
		require.NotEmpty(t, log.String())
	})
}

func TestStoredTokens(t *testing.T) {
	r := tokenRecord{
		Access: "a", Type: typeBearer, Refresh: "r", Obtained: time.Unix(1, 0).UTC(), Expiry: time.Unix(2, 0).UTC(),
		Granted: []string{"x"}, Requested: []string{"x", "y"}, Resource: "res", Issuer: "iss", ClientID: "c", KeyID: "k",
	}
	data, err := r.encode()
	require.NoError(t, err)
	back, err := decodeToken(data)
	require.NoError(t, err)
	require.Equal(t, r, back)
	for _, damaged := range []string{``, `{}`, `{"access_token":"a"}`, `{"access_token":"a\n","token_type":"Bearer"}`, `[]`} {
		_, err := decodeToken([]byte(damaged))
		require.Error(t, err, damaged)
	}
}

func TestFreshness(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		lifetime, age time.Duration
		want          freshness
	}{
		{time.Hour, 0, fresh},
		{time.Hour, 58 * time.Minute, fresh},
		{time.Hour, 59 * time.Minute, due},
		{time.Hour, time.Hour - 5*time.Second, expired},
		{time.Hour, 2 * time.Hour, expired},
		{10 * time.Second, time.Second, fresh},
		{10 * time.Second, 8 * time.Second, due},
		{10 * time.Second, 9 * time.Second, expired},
		{0, time.Hour, fresh},
	} {
		tok := newToken(tokenRecord{Obtained: now.Add(-c.age)}, nil)
		if c.lifetime > 0 {
			tok.Expiry = tok.Obtained.Add(c.lifetime)
		}
		require.Equal(t, c.want, tok.freshness(now), "%v after %v", c.age, c.lifetime)
	}
}
