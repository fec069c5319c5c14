package safeurl

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hawser-mcp/hawser/internal/urichars"
)

func TestURLsThatAreShown(t *testing.T) {
	const (
		punycode = "the host is written in Punycode (xn--): in its own script it may look like another host"
		address  = "the host is an IP address, not a name"
		here     = "the page is on this machine, not on the web"
		plain    = "the page is not encrypted (http)"
		at       = "the path contains an @: what precedes it is not the host"
		long     = "the URL is unusually long"
	)
	port := func(p string) string { return "the port is " + p + ", not the usual one" }
	longest := "https://a.example/" + strings.Repeat("x", MaxLength-len("https://a.example/"))
	for _, tt := range []struct {
		text, want string // "" means unchanged
		warnings   []string
	}{
		{text: "https://example.com"},
		{text: "https://example.com/a%2Fb/?c=d%20e&f[]=%E2%82%AC#g"},
		{text: "https://example.com/cb?email=a%40b.example"},
		{text: "https://my_host.example.com./"},
		{text: "https://3com.com/"},
		{text: "https://x.0xg/"},
		{text: "HTTPS://PaypaI.COM/A", want: "https://paypai.com/A"},
		{text: "https://example.com:443/", want: "https://example.com/"},
		{text: "https://example.com:/", want: "https://example.com/"},
		{text: "https://example.com:00443/", want: "https://example.com/"},
		{"https://example.com:8443/", "", []string{port("8443")}},
		{"https://example.com:80/", "", []string{port("80")}},
		{"https://xn--pple-43d.com/", "", []string{punycode}},
		{"https://www.XN--pple-43d.com/", "https://www.xn--pple-43d.com/", []string{punycode}},
		{"https://192.0.2.1/", "", []string{address}},
		{"https://[2001:db8::1]:8443/", "", []string{address, port("8443")}},
		{"http://localhost:3000/x", "", []string{here, plain, port("3000")}},
		{"http://localhost:80/x", "http://localhost/x", []string{here, plain}},
		{"https://localhost/", "", []string{here}},
		{"https://localhost./", "", []string{here}},
		{"https://a.LOCALHOST/", "https://a.localhost/", []string{here}},
		{text: "https://notlocalhost/"},
		{"http://127.8.9.1/", "", []string{here, plain}},
		{"http://[::1]/", "", []string{here, plain}},
		{"http://[::ffff:127.0.0.1]/", "", []string{here, plain}},
		{"https://evil.example/https://bank.example@x", "", []string{at}},
		{"https://evil.example/bank%40x", "", []string{at}},
		{longest, "", []string{long}},
	} {
		u, warnings, err := Check(tt.text)
		require.NoError(t, err, tt.text)
		if tt.want == "" {
			tt.want = tt.text
		}
		require.Equal(t, tt.want, u.String())
		require.Equal(t, tt.warnings, warnings, tt.text)
	}
}

func TestURLsThatAreNotShown(t *testing.T) {
	for _, tt := range []struct {
		want  error
		texts []string
	}{
		{ErrScheme, []string{
			"http://example.com/", "http://localhost.evil.example/", "http://127.0.0.1.evil.example/", "http://localhost./", "http://10.0.0.1/",
			"http://128.0.0.1/", "http://[::2]/", "ftp://example.com/", "javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "/relative",
			"//example.com/", "example.com", "mailto:a@b.example", "vscode://x/y",
		}},
		{ErrUser, []string{"https://bank.example@evil.example/", "https://a:b@evil.example/", "https://@evil.example/", "https://:@evil.example/"}},
		{ErrHost, []string{
			"https://", "https:", "https:///evil.example/", "https:/evil.example", "https:evil.example", "https://:443/", "https://a..b/", "https://.a/",
			"https://./", "https://1/", "https://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://127.0.0.01/",
			"http://127.0.0.1./", "https://a.0x/", "https://a.256/", "https://ex%61mple.com/", "https://[fe80::1%25en0]/",
			"https://a!b.example/", "https://a,b.example/", "https://" + strings.Repeat("a", 64) + ".example/",
			"https://" + strings.Repeat("a.", 126) + "example/", "https://[192.0.2.1]/",
		}},
		{ErrSyntax, []string{"https://[::1", "https://example.com:port/", "https://%zz.example/", "1https://x/", ":", "https://a:1:2/", "https://[g]/"}},
		{ErrPort, []string{"https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999999999999999/"}},
		{ErrText, []string{
			"https://example.com/a b", " https://example.com/", "https://example.com/\n", "https://example.com/\x00", "https://example.com/\x7f",
			`https://bank.example\@evil.example/`, `https://example.com/"`, "https://example.com/<", "https://example.com/`",
			"https://b\u00fccher.example/", "https://\u0440aypal.com/", "https://example.com/\u202efdp", "https://example.com/\u200b",
			"https://example.com/\ufeff", "https://example\u3002com/", "https://example.com/\xff", "https://example.com/?a=\u00e4",
			"https://example.com/%", "https://example.com/?a=%2", "https://example.com/?a=%gg", "https://%zz.example/\u00e4",
		}},
	} {
		for _, text := range tt.texts {
			_, _, err := Check(text)
			if tt.want == ErrSyntax || tt.want == ErrHost { // net/url decides which of these it is
				require.Contains(t, []error{ErrSyntax, ErrHost, ErrText, ErrPort}, err, "%q", text)
				continue
			}
			require.Equal(t, tt.want, err, "%q", text)
		}
	}
	_, _, err := Check("https://a.example/" + strings.Repeat("x", MaxLength))
	require.Equal(t, ErrLength, err)
}

// FuzzElicitationURL checks that a URL that is shown is plain ASCII, and that checking it again
// changes nothing.
func FuzzElicitationURL(f *testing.F) {
	for _, text := range []string{
		"https://example.com/a%2Fb?c=d#e", "http://localhost:3000/", "http://[::1]:80/x", "https://a:b@c/", "https://EX.com:443?", "https://xn--a.b./#",
		"https://127.1/", `https://a\@b/`, "https://h/%zz", "https://h//x/..;/[1]?%20#%41", "https://h?#", "https://h:/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, warnings, err := Check(text)
		if err != nil {
			return
		}
		shown := u.String()
		if !urichars.Valid(shown) || u.User != nil || u.Opaque != "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
			t.Fatalf("%q is shown as %q", text, shown)
		}
		again, more, err := Check(shown)
		if err != nil && len(shown) <= MaxLength {
			t.Fatalf("%q is shown as %q, which is refused: %v", text, shown, err)
		}
		if err == nil && (again.String() != shown || len(more) != len(warnings)) {
			t.Fatalf("%q is shown as %q, and that as %q", text, shown, again)
		}
	})
}
