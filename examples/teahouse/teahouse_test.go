package teahouse_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/hawser-mcp/hawser/examples/teahouse"
	"github.com/hawser-mcp/hawser/mcpclient"
	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConfigurationHasNoProblems(t *testing.T) {
	house, err := teahouse.Open(t.Context(), nil)
	require.NoError(t, err)
	cfg, err := new(mcpconfig.Loader).Load(t.Context(), house.Config)
	require.NoError(t, err)
	require.Empty(t, cfg.Problems)
	require.Len(t, cfg.Servers, 2)
	require.NoError(t, house.Close())
	_, err = os.Stat(filepath.Dir(house.Config))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// The kitchen loses the first call and is gone. Close does not wait until it has returned.
func TestKitchenDiesAfterTheFirstCup(t *testing.T) {
	house, err := teahouse.Open(t.Context(), nil)
	require.NoError(t, err)
	cfg, err := new(mcpconfig.Loader).Load(t.Context(), house.Config)
	require.NoError(t, err)
	kitchen := cfg.Servers[0]
	require.Equal(t, "kitchen", kitchen.Name)
	s, err := mcpclient.Connect(t.Context(), kitchen.URL, &mcpclient.Options{})
	require.NoError(t, err)
	_, err = s.CallTool(t.Context(), "brew", map[string]any{"cups": 3})
	require.Equal(t, mcpclient.Unknown, mcpclient.OutcomeOf(err))
	require.Equal(t, 1, house.Brewed())
	err = s.Ping(t.Context(), mcpclient.WithTries(1))
	require.Equal(t, mcpclient.NotRun, mcpclient.OutcomeOf(err))
	require.NoError(t, s.Close())
	require.NoError(t, house.Close())
}

func TestServerThatCannotListenIsReported(t *testing.T) {
	noPort := errors.New("no port left")
	_, err := teahouse.Open(t.Context(), func(context.Context, string) (net.Listener, error) { return nil, noPort })
	require.ErrorIs(t, err, noPort)
}

// The recording fits one conversation only.
func TestRecordedModelRefusesAnotherConversation(t *testing.T) {
	house, err := teahouse.Open(t.Context(), nil)
	require.NoError(t, err)
	defer house.Close()
	chat := []any{map[string]string{"role": "user", "content": teahouse.Task}}
	message, err := house.Model(t.Context(), chat, nil)
	require.NoError(t, err)
	require.Contains(t, string(message), "pantry__stock")
	_, err = house.Model(t.Context(), append(chat, message), nil)
	require.ErrorContains(t, err, `expected an answer with "may have run"`)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = house.Model(ctx, append(chat, json.RawMessage(`"may have run"`)), nil)
	require.ErrorIs(t, err, context.DeadlineExceeded, "the model thinks")
}
