package jsonrpc

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInt64(t *testing.T) {
	long := strings.Repeat("0", 100_000)
	for text, want := range map[string]int64{
		"0": 0, "-0": 0, "1": 1, "-5": -5, "1.0": 1, "1e3": 1000, "1E+3": 1000, "1.5e1": 15, "100e-2": 1, "-120.00e-1": -12,
		"0e999999999999999999999999": 0, "0.000e5": 0, "0e-99999999999999999999": 0, "0.0": 0,
		"999999999999999999":        999999999999999999,
		"9223372036854775807":       math.MaxInt64,
		"9223372036854775807.000":   math.MaxInt64,
		"922337203685477580.7e1":    math.MaxInt64,
		"92233720368547758070e-1":   math.MaxInt64,
		"-9223372036854775808":      math.MinInt64,
		"-9.223372036854775808e18":  math.MinInt64,
		"1" + long + "e-100000":     1,
		"0." + long + "1e100001":    1,
		"1." + long:                 1,
		"0.000000000000000001e18":   1,
		"9007199254740993":          9007199254740993, // 2^53+1, which a float64 cannot represent
		"123456789012345678.900e+1": 1234567890123456789,
	} {
		c := NewCursor([]byte(text), 0)
		got := c.Int64()
		c.End()
		require.NoError(t, c.Err(), text)
		require.Equal(t, want, got, text)
	}
}

func TestInt64RefusesOtherNumbers(t *testing.T) {
	long := strings.Repeat("0", 100_000)
	for _, text := range []string{
		"0.5", "-1.5", "1e-1", "15e-1", "100e-3", "1.25e1", "1e19", "1e999999999999999999999", "1e-999999999999999999999",
		"9223372036854775808", "-9223372036854775809", "18446744073709551616", "92233720368547758080", "9223372036854775807.5",
		"1" + long, "1" + long + "e-99000", "0." + long + "1",
	} {
		c := NewCursor([]byte(text), 0)
		require.Zero(t, c.Int64(), text)
		var shape *ShapeError
		require.ErrorAs(t, c.Err(), &shape, text)
	}
}

// Whole numbers are read without strconv as far as a float64 holds them exactly.
func TestFloat64OfWholeNumbers(t *testing.T) {
	for _, text := range []string{
		"0", "-0", "7", "-7", "1000", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740995", "-9007199254740993",
		"999999999999999999", "1000000000000000000", "18446744073709551615", "18446744073709551616",
	} {
		c := NewCursor([]byte(text), 0)
		got := c.Float64()
		c.End()
		require.NoError(t, c.Err(), text)
		want, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), text) // -0 is not 0
	}
}

func TestNumberSyntax(t *testing.T) {
	for _, text := range []string{
		"-", "+1", "01", "-01", "00", ".5", "5.", "-.5", "1.e5", "1e", "1e+", "1E-", "1e1.5", "1_000", "0x10", "1..2", "--1", "1-", "1e5e5",
		"Infinity", "-Infinity", "NaN", "1a", "0b1", "١",
	} {
		for name, read := range map[string]func(*Cursor){
			"Skip": func(c *Cursor) { c.Skip() }, "Int64": func(c *Cursor) { c.Int64() }, "Float64": func(c *Cursor) { c.Float64() },
		} {
			c := NewCursor([]byte(text), 0)
			read(&c)
			c.End()
			var syntax *SyntaxError
			require.ErrorAs(t, c.Err(), &syntax, "%s of %s", name, text)
		}
	}
}
