// Package release holds the version of the module.
package release

// Version is the version of the module, without the "v" of its tag. It is the only place in the
// sources that names the version; tests/repo/release writes it.
const Version = "0.1.0"
