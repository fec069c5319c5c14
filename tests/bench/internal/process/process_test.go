package process

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	if Role() == "" {
		os.Exit(m.Run())
	}
	err := Serve(func(n *int) (int, error) {
		if *n == 0 {
			return 0, errors.New("zero")
		}
		return 10 * *n, nil
	})
	if err != nil {
		os.Exit(1)
	}
}

func TestProcessesAnswer(t *testing.T) {
	c, err := Start(t.Context(), "tenfold")
	require.NoError(t, err)
	for _, n := range []int{1, 7} {
		got, err := Call[int](c, n)
		require.NoError(t, err)
		require.Equal(t, 10*n, got)
	}
	_, err = Call[int](c, 0)
	require.EqualError(t, err, "zero", "and the process continues")
	got, err := Call[int](c, 3)
	require.NoError(t, err)
	require.Equal(t, 30, got)
	require.NoError(t, c.Close())
	_, err = Call[int](c, 1)
	require.ErrorContains(t, err, "asking the tenfold process")
}

func TestServeRefusesBadInput(t *testing.T) {
	var out bytes.Buffer
	err := serve(strings.NewReader(`{"A":1}`+"\n{"), &out, func(m *map[string]int) (int, error) { return (*m)["A"], nil })
	require.Error(t, err)
	require.JSONEq(t, `{"value":1}`, out.String())
}
