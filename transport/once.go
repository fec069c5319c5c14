package transport

import "net/http"

// RunsOnce reports whether rt is known to run a request at most once per RoundTrip, even if the
// request has a GetBody. A plain [net/http.Transport] is not: it sends a POST again after some
// failures. A RoundTripper declares it with a method RunsOnce() bool.
func RunsOnce(rt http.RoundTripper) bool {
	once, ok := rt.(interface{ RunsOnce() bool })
	return ok && once.RunsOnce()
}

// RunsOnce implements the method that [RunsOnce] looks for.
func (d *direct) RunsOnce() bool { return true }
