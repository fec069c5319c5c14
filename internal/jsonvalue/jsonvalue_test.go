package jsonvalue

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireAsMarshal checks that Append encodes v, and exactly as encoding/json does.
func requireAsMarshal(t testing.TB, v any) {
	t.Helper()
	want, err := json.Marshal(v)
	require.NoError(t, err)
	got, ok := Append([]byte("before"), v)
	require.True(t, ok, "%T", v)
	require.Equal(t, "before"+string(want), string(got))
}

func TestAppendIsMarshal(t *testing.T) {
	var ascii strings.Builder
	for c := range rune(0x80) {
		ascii.WriteRune(c)
	}
	many := make(map[string]any)
	for i := range 3 * fewKeys {
		many[fmt.Sprint(i, "\x01é<")] = i
	}
	for _, v := range []any{
		nil, true, false, "", "text", ascii.String(), "\u2028\u2029\ufffd é 世界 \U0001f600", "\xff\xc3(\xe2\x80", "a\xffb<\x00",
		0, -1, math.MinInt, int32(math.MinInt32), int64(math.MaxInt64), uint32(math.MaxUint32), uint64(math.MaxUint64),
		0.0, math.Copysign(0, -1), 1.0, -1.5, 0.1, 1e-6, 9.99e-7, 1e-9, 1e-10, 1e20, 1e21, -1e21, 1e300, 1e-300,
		math.MaxFloat64, math.SmallestNonzeroFloat64, math.Pi,
		[]any(nil), []any{}, []any{nil, "a", 1, []any{}}, []string(nil), []string{}, []string{"<", "b"},
		map[string]any(nil), map[string]any{}, map[string]any{"b": 1, "a": map[string]any{"": nil}, "B": []string{"x"}, "aa": 0.5},
		map[string]string(nil), map[string]string{}, map[string]string{"z": "1", "\xff": "2", "&": "3"}, many,
	} {
		requireAsMarshal(t, v)
	}
}

type (
	text   string
	shouts struct{}
)

func (shouts) MarshalJSON() ([]byte, error) { return []byte(`"!"`), nil }

// Anything else is left to encoding/json: a type of its own may have a method that encodes it.
func TestAppendLeavesOtherTypes(t *testing.T) {
	loop := map[string]any{}
	loop["loop"] = []any{loop}
	for _, v := range []any{
		text("a"), struct{ A int }{1}, new(int), json.Number("1"), json.RawMessage("1"), []byte("a"), []int{1}, float32(1),
		int8(1), shouts{}, func() {}, math.Inf(1), math.Inf(-1), math.NaN(), map[int]any{1: 1}, map[text]any{}, loop,
	} {
		for _, in := range []any{v, []any{1, v}, map[string]any{"a": map[string]any{"b": v}}} {
			_, ok := Append(nil, in)
			require.False(t, ok, "%T", v)
		}
	}
}

func TestAppendIsBoundedInDepth(t *testing.T) {
	nested := func(levels int) any {
		var v any = "x"
		for i := range levels {
			if i%2 == 0 {
				v = []any{v}
			} else {
				v = map[string]any{"v": v}
			}
		}
		return v
	}
	requireAsMarshal(t, nested(maxDepth))
	_, ok := Append(nil, nested(maxDepth+1))
	require.False(t, ok)
}

// FuzzAppend compares Append with encoding/json, for values that are made of the fuzzer's text and
// of the JSON that it contains.
func FuzzAppend(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5e-7,"x\u2028<"],"b":{"c":null}}`, "\xff<&>", `[1e21,1e-7,-0,true]`, `"\ud800"`} {
		f.Add(seed, 1.5)
	}
	f.Fuzz(func(t *testing.T, s string, number float64) {
		var v any
		_ = json.Unmarshal([]byte(s), &v)
		words := strings.Fields(s)
		object := map[string]any{s: v, "s": s, "words": words}
		named := make(map[string]string)
		for i, word := range words {
			named[word] = s
			object[word] = []any{i, word}
		}
		object["named"] = named
		if !math.IsNaN(number) && !math.IsInf(number, 0) {
			object["number"] = number
		}
		if depth(v) < maxDepth {
			requireAsMarshal(t, object)
		}
	})
}

// depth returns how deep v is nested.
func depth(v any) int {
	var inner []int
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			inner = append(inner, depth(e))
		}
	case map[string]any:
		for _, e := range v {
			inner = append(inner, depth(e))
		}
	default:
		return 0
	}
	return 1 + slices.Max(append(inner, 0))
}
