package agent

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/hawser-mcp/hawser/internal/netclass"
)

// classNames are the classes that a rule can name.
var classNames = map[string]netclass.Class{"public": netclass.Public, "loopback": netclass.Loopback, "private": netclass.Private}

// ruleKind is what a rule compares.
type ruleKind uint8

const (
	byName    ruleKind = iota // the host of the URL
	byNetwork                 // the address, within a prefix
	byClass                   // the class of the address
	byPort                    // the port alone
)

// rule is one rule of a Policy.
type rule struct {
	text   string // as written
	kind   ruleKind
	name   string // byName
	below  bool   // byName: covers the hosts below name, but not name itself
	prefix netip.Prefix
	class  netclass.Class
	port   uint16 // 0 means any
}

func parseRule(text string) (rule, error) {
	host, port, err := splitRule(text)
	if err != nil {
		return rule{}, err
	}
	r := rule{text: text, port: port}
	if host == "*" {
		r.kind = byPort
		return r, nil
	}
	if c, ok := classNames[host]; ok {
		r.kind, r.class = byClass, c
		return r, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		r.kind, r.prefix = byNetwork, netip.PrefixFrom(addr, addr.BitLen())
		return r, nil
	}
	if strings.Contains(host, "/") {
		prefix, err := netip.ParsePrefix(host)
		if err != nil || prefix.Addr().Is4In6() {
			return rule{}, errors.New("not a network such as 10.0.0.0/8")
		}
		r.kind, r.prefix = byNetwork, prefix.Masked()
		return r, nil
	}
	r.name, r.below = strings.CutPrefix(canonicalHost(host), "*.")
	return r, checkName(r.name)
}

// splitRule splits off the port of a rule. The port is 0 if the rule has none.
func splitRule(text string) (host string, port uint16, err error) {
	host, digits, hasPort := text, "", false
	if inner, isBracketed := strings.CutPrefix(text, "["); isBracketed {
		var after string
		var closed bool
		host, after, closed = strings.Cut(inner, "]")
		digits, hasPort = strings.CutPrefix(after, ":")
		if !closed || after != "" && !hasPort {
			return "", 0, errors.New("misplaced brackets, expected [address]:port")
		}
	} else if strings.Count(text, ":") == 1 {
		host, digits, hasPort = strings.Cut(text, ":")
	}
	if !hasPort {
		return host, 0, nil
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q is not a port", digits)
	}
	return host, uint16(n), nil
}

// checkName checks a host name. Names that a resolver may read as an address ("127.1", "0x7f.1")
// are invalid, because their meaning is ambiguous.
func checkName(name string) error {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case last == "":
		return errors.New("missing host")
	case '0' <= last[0] && last[0] <= '9':
		return errors.New("not an address or a host name")
	}
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return errors.New("not a host name (use punycode for international names)")
		}
	}
	return nil
}

// useful refuses a rule that would allow addresses that are never allowed.
func (r rule) useful() error {
	if r.kind != byNetwork {
		return nil
	}
	if text := netclass.NeverWithin(r.prefix); text != "" {
		return errors.New(text + " addresses are never allowed")
	}
	return nil
}

func (r rule) hasPort(port uint16) bool { return r.port == 0 || r.port == port }

// namesHost reports whether the rule covers the host of a URL, regardless of the host's address.
func (r rule) namesHost(host string, port uint16) bool {
	switch {
	case !r.hasPort(port):
		return false
	case r.kind == byPort:
		return true
	case r.kind != byName:
		return false
	case r.below:
		return strings.HasSuffix(host, "."+r.name)
	}
	return host == r.name
}

// needsAddress reports whether the rule can only be applied to a known address.
func (r rule) needsAddress() bool { return r.kind == byNetwork || r.kind == byClass }

// reachesLoopback reports whether a name or port rule may allow loopback addresses (RFC 6761).
func (r rule) reachesLoopback() bool {
	return r.kind == byPort || r.name == "localhost" || strings.HasSuffix(r.name, ".localhost")
}

// covers reports whether the rule applies to a connection. addr may be invalid.
func (r rule) covers(host string, addr netip.Addr, port uint16) bool {
	switch r.kind {
	case byNetwork:
		return r.hasPort(port) && addr.IsValid() && r.prefix.Contains(addr)
	case byClass:
		if !addr.IsValid() || !r.hasPort(port) {
			return false
		}
		c, _ := netclass.Of(addr)
		return c == r.class
	default:
		return r.namesHost(host, port)
	}
}
