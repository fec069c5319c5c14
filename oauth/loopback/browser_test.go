package loopback

import (
	"os"
	"testing"

	"github.com/cli/browser"
	"github.com/stretchr/testify/require"
)

func TestPageThatIsOpened(t *testing.T) {
	for page, want := range map[string]string{
		"https://auth.example.com/authorize?state=a&x=b%20c": "",
		"http://127.0.0.1:9000/authorize":                    "",
		"http://localhost/authorize":                         "",
		"http://[::1]:9000/authorize":                        "",
		"http://keycloak:8080/authorize":                     "", // allowed by Config.AllowInsecureHTTP
		"HTTPS://auth.example.com/a":                         "https://auth.example.com/a",
		// These URLs contain characters that a shell, a terminal or a user could misread.
		"https://auth.example.com/a?b=\"$(id)\"&c=`id`|<x>\\^{}": "https://auth.example.com/a?b=%22$(id)%22&c=%60id%60%7C%3Cx%3E%5C%5E%7B%7D",
		"https://auth.example.com/a?b=\u009b31m&c=\u202etxt":     "https://auth.example.com/a?b=%C2%9B31m&c=%E2%80%AEtxt",
		"https://auth.example.com/a?b= c#d e":                    "https://auth.example.com/a?b=%20c#d%20e",
	} {
		if want == "" {
			want = page
		}
		got, err := checkPage(page)
		require.NoError(t, err, page)
		require.Equal(t, want, got)
	}
	for _, page := range []string{
		"", "auth.example.com", "//auth.example.com/a", "/a", "http:///a", "https:auth.example.com", "https://user@auth.example.com/a", "https://:pass@auth.example.com/a",
		"javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "file://host/x", "vbscript:x", "ftp://auth.example.com/", "ms-settings://x",
		"https://auth.example.com/\x1b[31m", "https://auth.example.com/a\nb", "-version", "https://",
	} {
		_, err := checkPage(page)
		require.Error(t, err, page)
	}
}

// standardError holds the original os.Stderr. Package testing may replace os.Stderr later.
var standardError = os.Stderr

// The output of a browser must not appear as the program's own output.
func TestBrowserIsKeptOffStandardOutput(t *testing.T) {
	require.Same(t, standardError, browser.Stdout)
}
