package loopback

import (
	"cmp"
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

// listen opens the listeners for the browser's callback, and returns them with the redirect URI.
// last is the redirect URI of the last login, or "".
func (l *Login) listen(last string) ([]net.Listener, *url.URL, error) {
	host, path := cmp.Or(l.Host, defaultHost), cmp.Or(l.Path, defaultPath)
	host, addresses, err := addressesOf(host)
	if err != nil {
		return nil, nil, err
	}
	redirect := &url.URL{Scheme: "http", Path: path}
	if !strings.HasPrefix(path, "/") || redirect.EscapedPath() != path {
		return nil, nil, fmt.Errorf("invalid path %q: must begin with / and need no escaping", path)
	}
	ports := []int{l.Port}
	if l.Port == 0 {
		ports = append([]int{portOf(last)}, make([]int, portTries)...)
	}
	var listeners []net.Listener
	for _, port := range ports {
		if listeners, err = listenOn(addresses, port); err == nil {
			port := listeners[0].Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // of "tcp"
			redirect.Host = net.JoinHostPort(host, strconv.Itoa(port))
			return listeners, redirect, nil
		}
	}
	return nil, nil, err
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
