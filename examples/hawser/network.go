package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"

	"github.com/hawser-mcp/hawser/transport"
)

// openTransport returns the transport for all requests of the run. It uses this machine's network
// or an executor, and traces the requests if --trace is set.
func (a *app) openTransport(ctx context.Context) (http.RoundTripper, error) {
	if a.network != nil {
		return a.network, nil
	}
	base, err := a.openExecutor(ctx)
	if err != nil {
		return nil, err
	}
	w := &witness{base: base}
	if base == nil {
		if w.base, err = a.openDirect(); err != nil {
			return nil, err
		}
		if w.proxy = a.env.proxy; w.proxy == nil && a.env.transport == nil {
			w.proxy = http.ProxyFromEnvironment
		}
	}
	if a.flags.trace {
		w.base = &tracer{base: w.base, con: a.con, now: a.env.now}
	}
	a.network = w
	return w, nil
}

// openDirect returns a transport that uses this machine's network.
func (a *app) openDirect() (http.RoundTripper, error) {
	config, err := a.tlsConfig()
	if err != nil {
		return nil, err
	}
	if a.env.transport != nil {
		return a.env.transport, nil
	}
	direct := transport.NewDirect(&transport.DirectOptions{TLSConfig: config, Proxy: a.env.proxy})
	a.closers = append(a.closers, direct)
	return direct, nil
}

// tlsConfig returns the TLS configuration from --cert, --key and --cacert. It is nil without these
// flags.
func (a *app) tlsConfig() (*tls.Config, error) {
	f := &a.flags
	if f.cert == "" && f.key == "" && f.cacert == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.cert != "" || f.key != "" {
		cert, key := f.cert, f.key
		if cert == "" {
			return nil, usageError("add --cert FILE with the certificate of --key", "--key without --cert")
		}
		if key == "" {
			key = cert // one file may contain both
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, usageError("--cert takes a certificate in PEM, --key its private key", "cannot use the client certificate: %v", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if f.cacert != "" {
		text, err := os.ReadFile(f.cacert)
		if err != nil {
			return nil, usageError("--cacert takes a file with certificates in PEM", "cannot read the authority: %v", err)
		}
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			config.RootCAs = x509.NewCertPool()
		}
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, usageError("--cacert takes a file with certificates in PEM", "no certificate in %s", f.cacert)
		}
	}
	return config, nil
}
