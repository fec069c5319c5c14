package clients

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgress()
		add := func(n int) {
			for range n {
				p.add()
			}
		}
		p.begin(3)
		add(3)
		late, err := p.end()
		require.NoError(t, err)
		require.Zero(t, late)

		p.begin(3)
		add(1)
		go func() {
			time.Sleep(time.Second)
			add(2)
		}()
		late, err = p.end()
		require.NoError(t, err)
		require.Equal(t, 2, late)

		p.begin(3)
		add(2)
		late, err = p.end()
		require.EqualError(t, err, "got 2 progress notifications, expected 3")
		require.Equal(t, 1, late)

		p.begin(3)
		add(4)
		_, err = p.end()
		require.EqualError(t, err, "got 4 progress notifications, expected 3")
	})
}
