package toolspec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/hawser-mcp/hawser/internal/canonical"
	"github.com/hawser-mcp/hawser/mcpclient"
)

// fingerprint returns a SHA-256 of the tool's definition, in hexadecimal. White space, the order of
// members and the escapes of strings do not affect it.
func fingerprint(t *mcpclient.Tool) string {
	raw := t.Raw
	if raw == nil {
		var err error
		if raw, err = json.Marshal(t.Tool); err != nil {
			return "" // the tool was made by hand, of values that JSON does not have
		}
	}
	sum := sha256.Sum256(canonical.Text(raw))
	return hex.EncodeToString(sum[:])
}
