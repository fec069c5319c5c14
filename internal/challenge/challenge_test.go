package challenge

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// text formats challenges as RFC 9110 requires.
func text(all []Challenge) string {
	var b strings.Builder
	for i, c := range all {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.Scheme)
		if c.Token68 != "" {
			b.WriteString(" " + c.Token68)
		}
		for j, p := range c.params {
			if j > 0 || c.Token68 != "" {
				b.WriteByte(',')
			}
			b.WriteString(" " + p.name + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(p.value) + `"`)
		}
	}
	return b.String()
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"nothing":                      {},
		"empty":                        {[]string{"", "  ", ",,\t,"}, ``},
		"scheme alone":                 {[]string{"Negotiate"}, `Negotiate`},
		"one":                          {[]string{`Bearer realm="x", error="y"`}, `Bearer realm="x", error="y"`},
		"tokens":                       {[]string{`Bearer error=invalid_token,scope=a`}, `Bearer error="invalid_token", scope="a"`},
		"space around equals":          {[]string{"Bearer error\t= \"x\" , scope = y"}, `Bearer error="x", scope="y"`},
		"several values":               {[]string{`Basic realm="x"`, `Bearer error="y"`}, `Basic realm="x", Bearer error="y"`},
		"several in a value":           {[]string{`Negotiate, Basic realm="x", charset="UTF-8", Bearer error="y"`}, `Negotiate, Basic realm="x", charset="UTF-8", Bearer error="y"`},
		"example of the RFC":           {[]string{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`}, `Newauth realm="apps", type="1", title="Login to \"apps\"", Basic realm="simple"`},
		"token68":                      {[]string{`Negotiate oYG2MIGz+/=, Bearer a="b"`}, `Negotiate oYG2MIGz+/=, Bearer a="b"`},
		"token68 or parameter":         {[]string{`A b=, C d==, E f=g`}, `A b=, C d==, E f="g"`},
		"commas in quotes":             {[]string{`Bearer scope="a, Basic b=c", error="x"`}, `Bearer scope="a, Basic b=c", error="x"`},
		"escapes":                      {[]string{`Bearer a="\x\\\"", b="\,"`}, `Bearer a="x\\\"", b=","`},
		"empty quotes":                 {[]string{`Bearer scope="", b=c`}, `Bearer scope="", b="c"`},
		"empty elements":               {[]string{`,, Bearer , , a="b",,c=d,`}, `Bearer a="b", c="d"`},
		"a parameter does not cross":   {[]string{`Bearer a=b`, `c=d, Basic e=f`}, `Bearer a="b", Basic e="f"`},
		"parameter without a scheme":   {[]string{`realm="x", Bearer a=b`}, `Bearer a="b"`},
		"obs-text":                     {[]string{"Bearer a=\"\xe9é\""}, "Bearer a=\"\xe9é\""},
		"URL without quotes":           {[]string{`Bearer resource_metadata=https://x.test/.well-known/y?z=1, error=e`}, `Bearer resource_metadata="https://x.test/.well-known/y?z=1", error="e"`},
		"no comma between parameters":  {[]string{`Bearer realm="x" error="y" scope=z`}, `Bearer realm="x", error="y", scope="z"`},
		"text without quotes":          {[]string{`Bearer error_description=The token, expired, error="e"`}, `Bearer error_description="The", expired error="e"`},
		"quotes that do not end":       {[]string{`Bearer a=b, c="d, e=f`, `Basic g=h`}, `Bearer a="b", Basic g="h"`},
		"escape at the end":            {[]string{`Bearer a=b, c="d\`}, `Bearer a="b"`},
		"control characters":           {[]string{"Bearer a=\"x\r\nEvil: y\", b=\"c\", d=e\x00f, g=h"}, `Bearer b="c", g="h"`},
		"no value":                     {[]string{`Bearer a=, b=c`}, `Bearer a=, b="c"`},
		"no value, later":              {[]string{`Bearer a=b, c=, d=e`}, `Bearer a="b", d="e"`},
		"garbage, then a challenge":    {[]string{`@@@ "x, y" z, Bearer a=b`}, `Bearer a="b"`},
		"garbage between":              {[]string{`Bearer a=b, @@@, c=d`}, `Bearer a="b", c="d"`},
		"garbage after a scheme":       {[]string{`Bearer {"a":"b, c"}, Basic d=e`}, `Bearer, Basic d="e"`},
		"invalid scheme":               {[]string{`Bea:rer a=b, c=d, Basic e=f`}, `Basic e="f"`},
		"quotes right after the value": {[]string{`Bearer a=b"c, d=e", f=g`}, `Bearer a="b", f="g"`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, text(Parse(c.values)))
		})
	}
}

func TestChallenge(t *testing.T) {
	c := Parse([]string{`bEARER Error="first", ERROR="second"`})[0]
	require.True(t, c.Is("Bearer"))
	require.False(t, c.Is("DPoP"))
	require.Equal(t, "first", c.Param("eRROR"))
	require.Empty(t, c.Param("realm"))
}

func TestBounds(t *testing.T) {
	many := Parse([]string{strings.Repeat("Bearer a=b, ", 10*MaxChallenges)})
	require.Len(t, many, MaxChallenges)
	require.Equal(t, "b", many[MaxChallenges-1].Param("a"))
	var b strings.Builder
	b.WriteString("Bearer ")
	for i := range 10 * MaxParams {
		b.WriteString("p" + strconv.Itoa(i) + "=x, ")
	}
	require.Len(t, Parse([]string{b.String()})[0].params, MaxParams)
	last := Parse([]string{"Bearer a=b", strings.Repeat(" ", MaxBytes), "Basic c=d"})
	require.Equal(t, `Bearer a="b"`, text(last))
	cut := Parse([]string{`Bearer a=b, c="` + strings.Repeat("x", MaxBytes) + `"`})
	require.Equal(t, `Bearer a="b"`, text(cut))
}

// FuzzParse checks that formatting and reparsing the challenges changes nothing, and that no header
// value hides the challenges of another.
func FuzzParse(f *testing.F) {
	f.Add(`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`, `Bearer a==`)
	f.Add(`Bearer a= b="c" d, "e`, "A\tb==,, c")
	f.Fuzz(func(t *testing.T, one, two string) {
		all := Parse([]string{one, two})
		require.LessOrEqual(t, len(all), MaxChallenges)
		size := 0
		for _, c := range all {
			require.LessOrEqual(t, len(c.params), MaxParams)
			require.NotEmpty(t, c.Scheme)
			for _, p := range c.params {
				size += len(p.name) + len(p.value)
				require.True(t, isText(p.value))
			}
		}
		require.LessOrEqual(t, size, len(one)+len(two))
		if written := text(all); len(written) <= MaxBytes {
			require.Equal(t, written, text(Parse([]string{written})))
		}
		if len(one)+len(two) <= MaxBytes {
			first, second := Parse([]string{one}), Parse([]string{two})
			apart := slices.Concat(first, second)
			require.Equal(t, text(apart[:min(len(apart), MaxChallenges)]), text(all))
		}
	})
}
