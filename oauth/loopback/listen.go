package loopback

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	defaultHost = "127.0.0.1"
	defaultPath = "/callback"
	// portTries is how many times listen tries a port that the system chooses, until it finds one
	// that is free on all addresses.
	portTries = 5
)

// place says where a login listens.
type place struct {
	redirect  *url.URL // its port is only valid if there is one port to listen on
	addresses []string
	ports     []int // to try, 0 means that the system chooses
	last      int   // the port of the last login, 0 if unknown
}

// Check returns an error if the configuration is invalid. Login returns the same error.
func (l *Login) Check() error {
	if _, err := l.place(""); err != nil {
		return fmt.Errorf("oauth/loopback: %w", err)
	}
	return nil
}

// place reads the configuration. proposed is the redirect URI that the client proposes, or "".
func (l *Login) place(proposed string) (*place, error) {
	if l.Callback != "" {
		return l.placeOfCallback()
	}
	name, addresses, err := addressesOf(cmp.Or(l.Host, defaultHost))
	if err != nil {
		return nil, err
	}
	p := &place{addresses: addresses, ports: []int{l.Port}, last: portOf(proposed)}
	p.redirect = &url.URL{Scheme: "http", Host: net.JoinHostPort(name, ""), Path: cmp.Or(l.Path, pathOf(proposed), defaultPath)}
	if l.Port == 0 {
		p.ports = append([]int{p.last}, make([]int, portTries)...)
	}
	return p, checkPath(p.redirect)
}

// placeOfCallback reads Callback.
func (l *Login) placeOfCallback() (*place, error) {
	invalid := func(why string) error { return fmt.Errorf("invalid callback %q: %s", l.Callback, why) }
	redirect, err := url.Parse(l.Callback)
	switch {
	case l.Port != 0 || l.Host != "" || l.Path != "":
		return nil, errors.New("option Callback excludes Port, Host and Path")
	case err != nil || redirect.Scheme != "http" || redirect.User != nil || redirect.RawQuery != "" || redirect.ForceQuery ||
		strings.Contains(l.Callback, "#"):
		return nil, invalid("expected http://localhost:PORT/PATH or http://127.0.0.1:PORT/PATH")
	case redirect.Path != "" && checkPath(redirect) != nil:
		return nil, checkPath(redirect)
	}
	name, addresses, err := addressesOf(redirect.Hostname())
	switch {
	case err != nil:
		return nil, err
	case !strings.EqualFold(name, redirect.Hostname()):
		return nil, invalid("browsers write this host as " + name)
	}
	p := &place{redirect: redirect, addresses: addresses, ports: make([]int, portTries)}
	if text := redirect.Port(); text != "" {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, invalid("the port must be from 1 to 65535")
		}
		p.ports, p.last = []int{int(port)}, int(port)
	}
	return p, nil
}

// listen opens the listeners for the browser's callback, and returns them with the redirect URI.
func (l *Login) listen(proposed string) (listeners []net.Listener, redirect *url.URL, err error) {
	p, err := l.place(proposed)
	if err != nil {
		return nil, nil, err
	}
	for _, port := range p.ports {
		if listeners, err = listenOn(p.addresses, port); err == nil {
			break
		}
	}
	if err != nil {
		return nil, nil, err
	}
	port := listeners[0].Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of "tcp"
	if l.Callback == "" || p.last == 0 {
		p.redirect.Host = net.JoinHostPort(p.redirect.Hostname(), strconv.Itoa(port))
	}
	if l.Callback == "" && l.Path == "" && p.redirect.Path == defaultPath && p.last != 0 && port != p.last {
		// The last registration is from before paths were distinct, and this port needs another one.
		p.redirect.Path += "/" + strings.ToLower(rand.Text())
	}
	return listeners, p.redirect, nil
}

// checkPath returns an error if the path of a URL needs escaping or does not begin with a slash.
func checkPath(u *url.URL) error {
	if !strings.HasPrefix(u.Path, "/") || u.EscapedPath() != u.Path {
		return fmt.Errorf("invalid path %q: must begin with / and need no escaping", u.Path)
	}
	return nil
}

// addressesOf returns a host as browsers write it, and its loopback addresses. For localhost it
// returns two addresses, because a browser may connect to either. Listening on both keeps other
// programs from receiving the callback.
func addressesOf(host string) (name string, addresses []string, err error) {
	if strings.EqualFold(host, "localhost") {
		return "localhost", []string{"127.0.0.1", "::1"}, nil
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil || !addr.IsLoopback() || addr.Zone() != "" {
		return "", nil, fmt.Errorf("invalid host %q: not loopback", host)
	}
	return addr.String(), []string{addr.String()}, nil
}

// listenOn listens on all addresses, with the same port. It skips an address after the first if the
// machine does not have it, such as ::1 on a machine without IPv6.
func listenOn(addresses []string, port int) ([]net.Listener, error) {
	var listeners []net.Listener
	for _, address := range addresses {
		ln, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		switch {
		case err == nil:
			listeners = append(listeners, ln)
			port = ln.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of "tcp"
		case len(listeners) == 0 || has(address):
			for _, ln := range listeners {
				err = errors.Join(err, ln.Close())
			}
			return nil, err
		}
	}
	return listeners, nil
}

// has reports whether this machine can listen on an address.
func has(address string) bool {
	ln, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return false
	}
	return ln.Close() == nil
}

// pathOf returns the path of a loopback redirect URI, or "" for any other URI and a path that needs
// escaping.
func pathOf(redirect string) string {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) || checkPath(u) != nil {
		return ""
	}
	return u.Path
}

// portOf returns the port of a loopback redirect URI, or 0 for any other URI.
func portOf(redirect string) int {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || !isLoopback(u.Hostname()) {
		return 0
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return 0
	}
	return int(port)
}

func isLoopback(host string) bool {
	_, _, err := addressesOf(host)
	return err == nil
}
