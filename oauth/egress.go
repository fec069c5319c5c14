package oauth

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/hawser-mcp/hawser/internal/netclass"
)

// egress says which URLs of a peer's this client sends requests to. What a server names must not
// lead it to where only this client can go (MCP security best practices, "Server-Side Request Forgery").
type egress struct {
	local   bool // the endpoint is itself on loopback or in a private network
	private bool // Config.AllowPrivate
}

func newEgress(endpoint *url.URL, allowPrivate bool) egress {
	host := canonicalHost(endpoint)
	class := classOfName(host)
	if addr, err := netip.ParseAddr(host); err == nil {
		class, _ = netclass.Of(addr)
	}
	return egress{local: class == netclass.Loopback || class == netclass.Private, private: allowPrivate}
}

// parse reads a URL that a peer named and judges all of it that can be judged before a name is looked up.
func (e egress) parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" || len(text) > maxURL {
		return nil, &URLError{Reason: "it is no absolute URL"}
	}
	host := canonicalHost(u)
	addr, addrErr := netip.ParseAddr(host)
	refuse := func(reason string) (*url.URL, error) {
		return nil, &URLError{Host: sanitize(u.Hostname(), maxHost), Reason: reason}
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return refuse("its scheme is not https")
	case u.User != nil:
		return refuse("it holds a user name")
	case u.Fragment != "" || strings.HasSuffix(text, "#"):
		return refuse("it holds a fragment")
	case u.Scheme == "http" && !isLoopback(host):
		return refuse("http is for loopback only")
	case addrErr != nil && !isHostName(host):
		return refuse("its host is no name of a host, nor an address in its usual form")
	case addrErr == nil && addr.Zone() != "":
		return refuse("its address has a zone")
	}
	class, what := classOfName(host), "a metadata service"
	if addrErr == nil {
		class, what = netclass.Of(addr)
	}
	if reason := e.verdict(class, what); reason != "" {
		return refuse(reason)
	}
	return u, nil
}

const (
	maxURL  = 8 << 10 // bytes of a URL that a peer named
	maxHost = 255
)

// verdict says why nothing is sent to a class of addresses, "" if it may be.
func (e egress) verdict(class netclass.Class, what string) string {
	switch {
	case class == netclass.Never:
		return "its address is " + what + ": never allowed"
	case class == netclass.Loopback && !e.local:
		return "it leads to this machine, and the resource does not"
	case class == netclass.Private && !e.local && !e.private:
		return "it leads to a private network, and the resource does not (see Config.AllowPrivate)"
	}
	return ""
}

// guard judges the addresses that the host of u stands for.
func (e egress) guard(u *url.URL) func(netip.AddrPort) error {
	host, plain := sanitize(u.Hostname(), maxHost), u.Scheme == "http"
	return func(ap netip.AddrPort) error {
		class, what := netclass.Of(ap.Addr())
		reason := e.verdict(class, what)
		if reason == "" && plain && class != netclass.Loopback {
			reason = "http is for loopback only"
		}
		if reason != "" {
			return &URLError{Host: host, Reason: reason}
		}
		return nil
	}
}

// canonicalHost is the host of a URL in lower case, without the dot of the DNS root.
func canonicalHost(u *url.URL) string {
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

// metadataHosts are names of metadata services of clouds.
var metadataHosts = []string{"metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"}

// privateSuffixes are those of names that the public DNS does not have (RFC 6762, RFC 8375, ICANN).
var privateSuffixes = []string{".local", ".internal", ".home.arpa", ".lan", ".localdomain", ".intranet", ".corp", ".home"}

// classOfName returns the class of the addresses that a host name can only
// stand for; for all others Public, which its addresses have to prove.
func classOfName(host string) netclass.Class {
	switch {
	case slices.Contains(metadataHosts, host):
		return netclass.Never
	case host == "localhost" || strings.HasSuffix(host, ".localhost"):
		return netclass.Loopback
	case !strings.Contains(host, "."):
		return netclass.Private
	}
	for _, suffix := range privateSuffixes {
		if strings.HasSuffix(host, suffix) {
			return netclass.Private
		}
	}
	return netclass.Public
}

// isHostName reports whether host consists of labels of letters, digits and hyphens, and is not
// what others take for an IPv4 address (WHATWG URL, "ends in a number": 127.1, 0x7f000001, 2130706433).
func isHostName(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	digits := strings.Trim(last, "0123456789") == ""
	return !digits && !strings.HasPrefix(last, "0x")
}
