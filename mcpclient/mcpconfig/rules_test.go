package mcpconfig_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/mcpclient/mcpconfig"
)

func TestAllows(t *testing.T) {
	for _, c := range []struct {
		allow, deny []string
		tool        string
		want        bool
	}{
		{nil, nil, "a", true},
		{[]string{}, nil, "a", false},
		{[]string{"get_*"}, nil, "get_issue", true},
		{[]string{"get_*"}, nil, "list", false},
		{[]string{"get_?"}, nil, "get_ab", false},
		{[]string{"[a-c]x"}, nil, "bx", true},
		{[]string{"*"}, []string{"*_secret*"}, "get_secret_key", false},
		{nil, []string{"delete_*"}, "delete_all", false},
		{nil, []string{"delete_*"}, "get", true},
		{[]string{"a"}, []string{"a"}, "a", false},
		{nil, []string{"*"}, "a/b", false}, // slashes are not special
		{nil, []string{"*delete"}, "a/delete", false},
		{[]string{"a/*"}, nil, "a/b/c", true},
		{[]string{"A"}, nil, "a", false},
		{[]string{"["}, nil, "[", false}, // invalid patterns allow nothing
		{nil, []string{"["}, "a", false}, // and deny everything
		{[]string{`\*`}, nil, "*", true},
		{[]string{`\*`}, nil, "a", false},
	} {
		s := mcpconfig.Server{Allow: c.allow, Deny: c.deny}
		require.Equal(t, c.want, s.Allows(c.tool), "%q %q %q", c.allow, c.deny, c.tool)
	}
}

func TestRule(t *testing.T) {
	type rules = map[string]mcpconfig.Rule
	for _, c := range []struct {
		approve rules
		tool    string
		want    mcpconfig.Rule
	}{
		{nil, "a", mcpconfig.Auto},
		{rules{"b": mcpconfig.Never}, "a", mcpconfig.Auto},
		{rules{"*": mcpconfig.Ask}, "a", mcpconfig.Ask},
		{rules{"*": mcpconfig.Never, "get_*": mcpconfig.Auto}, "get_x", mcpconfig.Auto},
		{rules{"*": mcpconfig.Auto, "get_*": mcpconfig.Never}, "get_x", mcpconfig.Never},
		{rules{"get_secret_*": mcpconfig.Never, "get_x": mcpconfig.Ask, "*": mcpconfig.Auto}, "get_x", mcpconfig.Ask},
		{rules{"a*": mcpconfig.Ask, "*a": mcpconfig.Never}, "aa", mcpconfig.Never},            // "*a" < "a*"
		{rules{"a?": mcpconfig.Ask, "a*": mcpconfig.Never}, "ab", mcpconfig.Never},            // "a*" < "a?"
		{rules{"a": mcpconfig.Auto, "a**************": mcpconfig.Never}, "a", mcpconfig.Auto}, // exactly this name
		{rules{"*": mcpconfig.Never}, "a/b", mcpconfig.Never},
		{rules{"[": mcpconfig.Auto}, "a", mcpconfig.Never}, // an invalid pattern
		{rules{"[": mcpconfig.Auto, "aa": mcpconfig.Ask, "*": mcpconfig.Auto}, "a", mcpconfig.Never},
	} {
		s := mcpconfig.Server{Approve: c.approve}
		require.Equal(t, c.want, s.Rule(c.tool), "%v %q", c.approve, c.tool)
	}
}

func TestRuleText(t *testing.T) {
	require.Equal(t, "auto ask never Rule(7)", mcpconfig.Auto.String()+" "+mcpconfig.Ask.String()+" "+mcpconfig.Never.String()+" "+mcpconfig.Rule(7).String())
}

// The names in lists of other products are not patterns.
func TestNamesOfOtherProductsAreLiteral(t *testing.T) {
	cfg := parse(t, `{"mcpServers": {"a": {"url": "https://a.example.com/mcp", "excludeTools": ["a*", "b[", "c\\d", "e?"]}}}`, nil)
	s := only(t, cfg)
	for tool, want := range map[string]bool{"a*": false, "ab": true, "b[": false, `c\d`: false, "cd": true, "e?": false, "ef": true} {
		require.Equal(t, want, s.Allows(tool), tool)
	}
}
