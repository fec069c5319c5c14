package jsonrpc

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// walk reads a whole text with the typed methods and writes every value to out, in the order of the
// text.
func walk(c *Cursor, out *strings.Builder) {
	switch c.Kind() {
	case Object:
		out.WriteByte('{')
		c.EnterObject()
		for {
			key, ok := c.NextKey()
			if !ok {
				break
			}
			fmt.Fprintf(out, "%s=", key)
			walk(c, out)
			out.WriteByte(' ')
		}
		out.WriteByte('}')
	case Array:
		out.WriteByte('[')
		c.EnterArray()
		for c.NextElement() {
			walk(c, out)
			out.WriteByte(' ')
		}
		out.WriteByte(']')
	case String:
		out.WriteString(c.String())
	case Number:
		fmt.Fprint(out, c.Float64())
	case Bool:
		fmt.Fprint(out, c.Bool())
	case Null:
		fmt.Fprint(out, c.TryNull())
	case Invalid:
		c.Skip()
	}
}

func TestCursorWalksEveryKindOfValue(t *testing.T) {
	text := " {\"a\" : [1, -2.5 ,\t[ ],{}] ,\r\n\"b\\n\":{\"c\":true,\"d\":false},\"\":null,\"e\":\"x\\u0041\" } "
	c := NewCursor([]byte(text), 0)
	var out strings.Builder
	walk(&c, &out)
	c.End()
	require.NoError(t, c.Err())
	require.Equal(t, "{a=[1 -2.5 [] {} ] b\n={c=true d=false } =true e=xA }", out.String())
	require.Equal(t, len(text), c.Pos())
}

func TestCursorReturnsMembersInOrder(t *testing.T) {
	c := NewCursor([]byte(`{"a":1,"a":2,"A":3,"caf\u00e9":4}`), 0)
	c.EnterObject()
	var got []string
	for {
		key, ok := c.NextKey()
		if !ok {
			break
		}
		got = append(got, fmt.Sprintf("%s=%d", key, c.Int64()))
	}
	c.End()
	require.NoError(t, c.Err())
	require.Equal(t, []string{"a=1", "a=2", "A=3", "café=4"}, got)
}

func TestCursorReturnsTheTextSinceAnOffset(t *testing.T) {
	c := NewCursor([]byte(`[ {"a":1} ,2]`), 0)
	c.EnterArray()
	c.NextElement()
	c.Kind()
	start := c.Pos()
	c.Skip()
	require.Equal(t, `{"a":1}`, string(c.Since(start)))
	require.Equal(t, len(c.Since(start)), cap(c.Since(start)), "appending to it does not change the text")
	require.Equal(t, len(` ,2]`), c.Left())
	c.NextElement()
	c.EnterObject()
	require.Error(t, c.Err())
	require.Nil(t, c.Since(start))
	require.Zero(t, c.Left())
}

func TestCursorRefusesBadStructure(t *testing.T) {
	for _, text := range []string{
		``, ` `, `{`, `[`, `}`, `]`, `,`, `:`, `{]`, `[}`, `{,}`, `[,]`, `[,1]`, `[1,]`, `[1 2]`, `[1,,2]`,
		`{"a"}`, `{"a":}`, `{"a":1,}`, `{"a" 1}`, `{"a":1 "b":2}`, `{1:2}`, `{"a":1,,"b":2}`, `{"a"::1}`,
		`{"a":1}}`, `[1]]`, `1 2`, `nul`, `nulL`, `truefalse`, `tru`, `fals`, `falsy`, `'a'`, `NaN`, `Infinity`,
		"\x00", "\ufeff1", "1\x00", "[1]\v", "[\u00a01]", `{"a":1/*x*/}`, `//x`, `"`, `{"a`, `{"a"`, `{"a":`, `[1`, `[[1]`,
	} {
		t.Run(text, func(t *testing.T) {
			c := NewCursor([]byte(text), 0)
			var out strings.Builder
			walk(&c, &out)
			c.End()
			var syntax *SyntaxError
			require.ErrorAs(t, c.Err(), &syntax)
			require.LessOrEqual(t, syntax.Offset, len(text))

			skip := NewCursor([]byte(text), 0)
			skip.Skip()
			skip.End()
			require.ErrorAs(t, skip.Err(), &syntax)
		})
	}
}

func TestCursorReportsTheKindItFound(t *testing.T) {
	reads := map[string]func(*Cursor){
		"object":  (*Cursor).EnterObject,
		"array":   (*Cursor).EnterArray,
		"string":  func(c *Cursor) { c.StringBytes() },
		"number":  func(c *Cursor) { c.Int64() },
		"boolean": func(c *Cursor) { c.Bool() },
		"null":    func(c *Cursor) { c.TryNull() },
	}
	values := map[string]string{
		"object": "{}", "array": "[]", "string": `""`, "number": "1", "boolean": "true", "null": "null",
	}
	for want, read := range reads {
		for got, text := range values {
			c := NewCursor([]byte("  "+text), 0)
			read(&c)
			var shape *ShapeError
			switch {
			case want == got:
				require.NoError(t, c.Err(), "%s read as %s", got, want)
			case want == "null": // TryNull does not fail
				require.NoError(t, c.Err())
				require.Equal(t, 2, c.Pos())
			default:
				require.ErrorAs(t, c.Err(), &shape)
				require.Equal(t, ShapeError{Offset: 2, Want: want, Got: got}, *shape)
			}
		}
	}
}

func TestCursorErrorsAreSticky(t *testing.T) {
	mine := errors.New("no such unit")
	c := NewCursor([]byte(`{"a":[1,"x",true,null,{}]}`), 0)
	c.EnterObject()
	_, ok := c.NextKey()
	require.True(t, ok)
	c.Fail(nil)
	require.NoError(t, c.Err())
	c.Fail(mine)
	c.Fail(errors.New("a later one"))
	pos := c.Pos()

	c.EnterArray()
	c.EnterObject()
	require.False(t, c.NextElement())
	key, ok := c.NextKey()
	require.False(t, ok)
	require.Nil(t, key)
	require.Equal(t, Invalid, c.Kind())
	require.Empty(t, c.String())
	require.Nil(t, c.StringBytes())
	require.Zero(t, c.Int64())
	require.Zero(t, c.Float64())
	require.False(t, c.Bool())
	require.False(t, c.TryNull())
	require.Nil(t, c.Skip())
	require.Nil(t, c.Raw())
	c.End()
	require.Equal(t, mine, c.Err())
	require.Equal(t, pos, c.Pos())
}

// A decoder that does not read a value, or reads one twice, must not make invalid JSON pass.
func TestCursorRefusesMisuse(t *testing.T) {
	for name, misuse := range map[string]func(*Cursor){
		"member not read": func(c *Cursor) {
			c.EnterObject()
			c.NextKey()
			c.NextKey()
		},
		"element not read": func(c *Cursor) {
			c.EnterObject()
			c.NextKey()
			c.EnterArray()
			c.NextElement()
			c.NextElement()
		},
		"two values for one element": func(c *Cursor) {
			c.EnterObject()
			c.NextKey()
			c.EnterArray()
			c.NextElement()
			c.Int64()
			c.Int64()
		},
		"value instead of a name": func(c *Cursor) {
			c.EnterObject()
			c.Skip()
		},
		"end inside": func(c *Cursor) {
			c.EnterObject()
			c.End()
		},
		"end before the value": (*Cursor).End,
		"never entered": func(c *Cursor) {
			c.Skip()
			c.NextKey()
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := NewCursor([]byte(`{"a":[1 2]}}`), 0)
			if name == "never entered" {
				c = NewCursor([]byte(`1}`), 0)
			}
			misuse(&c)
			var syntax *SyntaxError
			require.ErrorAs(t, c.Err(), &syntax)
		})
	}
}

func TestCursorCountsOpenContainers(t *testing.T) {
	nested := strings.Repeat(`[`, 3) + strings.Repeat(`]`, 3)
	siblings := `[[],[],[[]],{"a":{}}]`
	for _, text := range []string{nested, siblings} {
		for depth, deepEnough := range map[int]bool{2: false, 3: true} {
			var out strings.Builder
			c := NewCursor([]byte(text), depth)
			walk(&c, &out)
			skip := NewCursor([]byte(text), depth)
			skip.Skip()
			// The limit applies to all open containers, whichever method opened them.
			mixed := NewCursor([]byte(text), depth)
			mixed.EnterArray()
			for mixed.NextElement() {
				mixed.Skip()
			}
			for _, c := range []*Cursor{&c, &skip, &mixed} {
				if deepEnough {
					require.NoError(t, c.Err())
				} else {
					require.ErrorIs(t, c.Err(), ErrDepth)
				}
			}
		}
	}
}

// Eight million opening brackets would overflow the stack of a recursive parser. Here parsing stops
// at the limit and reads nothing beyond it.
func TestHostileDepth(t *testing.T) {
	for _, unit := range []string{`[`, `{"a":`} {
		text := []byte(strings.Repeat(unit, 8<<20))
		c := NewCursor(text, 0)
		require.Nil(t, c.Skip())
		require.ErrorIs(t, c.Err(), ErrDepth)
		require.Equal(t, DefaultMaxDepth*len(unit), c.Pos())

		var m Message
		err := m.Decode(append([]byte(`{"jsonrpc":"2.0","id":1,"result":`), text...), nil)
		require.ErrorIs(t, err, ErrDepth)
	}
	// Even with a large depth limit, no method recurses.
	const depth = 1 << 20
	c := NewCursor([]byte(strings.Repeat("[", depth)+strings.Repeat("]", depth)), depth)
	c.Skip()
	c.End()
	require.NoError(t, c.Err())
}

func TestSkipReturnsTheBytesOfTheValue(t *testing.T) {
	text := []byte(` [ {"a": [1, 2 ] } , "x\"]" , -1.5e+3 , null,true ] `)
	want := []string{`{"a": [1, 2 ] }`, `"x\"]"`, `-1.5e+3`, `null`, `true`}
	c, raw := NewCursor(text, 0), NewCursor(text, 0)
	c.EnterArray()
	raw.EnterArray()
	var got, copies []string
	for c.NextElement() && raw.NextElement() {
		b := c.Skip()
		require.Equal(t, len(b), cap(b), "appending to it must not write into the text")
		got = append(got, string(b))
		copied := raw.Raw()
		copies = append(copies, string(copied))
		copied[0] = '?'
	}
	c.End()
	require.NoError(t, c.Err())
	require.Equal(t, want, got)
	require.Equal(t, want, copies)
	require.Equal(t, ` [ {"a": [1, 2 ] } , "x\"]" , -1.5e+3 , null,true ] `, string(text))
}

func TestFloat64(t *testing.T) {
	for text, want := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1.5": 1.5, "1e308": 1e308, "-1E-2": -0.01, "1e-999": 0, "9007199254740993": 9007199254740992,
	} {
		c := NewCursor([]byte(text), 0)
		got := c.Float64()
		c.End()
		require.NoError(t, c.Err())
		require.Equal(t, math.Float64bits(want), math.Float64bits(got), text)
	}
	c := NewCursor([]byte("1e999"), 0)
	require.Zero(t, c.Float64())
	var shape *ShapeError
	require.ErrorAs(t, c.Err(), &shape)
}

func TestErrorTexts(t *testing.T) {
	for text, want := range map[string]string{
		`[1 2]`:   `jsonrpc: invalid JSON at offset 3: expected a comma or closing bracket, got '2'`,
		`[1`:      `jsonrpc: invalid JSON at offset 2: expected a comma or closing bracket, got the end of the text`,
		`["a\x"]`: `jsonrpc: invalid JSON at offset 3: invalid escape in a string`,
		`[[[`:     `jsonrpc: nested too deeply: more than 2 levels at offset 2`,
	} {
		c := NewCursor([]byte(text), 2)
		c.Skip()
		require.EqualError(t, c.Err(), want)
	}
	c := NewCursor([]byte(` "1"`), 0)
	c.Int64()
	require.EqualError(t, c.Err(), "jsonrpc: expected number at offset 1, got string")
	require.Equal(t, "no value", Kind(200).String())
}
