package agent

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// filled returns a request with a header whose value comes from an environment variable.
func filled(url, variable string) params {
	return get(url, "").with("streamResponse", false).with("headers", []map[string]string{
		{"name": "Authorization", "value": "Bearer ", "valueEnvVar": variable}, {"name": "X-Null", "value": "v"},
	})
}

func TestHeaderFromTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"AGENT_TEST_KEY": "s3cret", "AGENT_TEST_EMPTY": "", "AGENT_TEST_BAD": "s3cret\r\nx: y", "AGENT_TEST_OTHER": "s3cret",
	} {
		t.Setenv(name, value)
	}
	var log bytes.Buffer
	opts := &Options{
		HeaderEnv: map[string][]string{
			"AGENT_TEST_KEY": {"http://127.0.0.1:80/"}, "AGENT_TEST_EMPTY": {upstream}, "AGENT_TEST_BAD": {upstream}, "AGENT_TEST_UNSET": {upstream},
		},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	requests := make(chan seen, 1)
	inWorld(t, opts, look(requests), func(w *world) {
		w.sendf(`{"id":1,"method":"initialize","params":{"clientName":"test"}}`)
		require.Equal(w.t, map[string]any{"httpHeaderEnvVars": true, "httpReady": true}, w.receive().Result.EnvironmentInfo["capabilities"])
		w.sendf(`{"method":"initialized"}`)
		w.ok(filled(upstream+"/", "AGENT_TEST_KEY"))
		require.Equal(w.t, []string{"Bearer s3cret"}, (<-requests).header["Authorization"])

		withHost := filled(upstream, "AGENT_TEST_KEY")
		withHost["headers"] = append(withHost["headers"].([]map[string]string), map[string]string{"name": "Host", "value": "evil.example"})
		for _, c := range []struct {
			p    params
			text string
		}{
			{filled(upstream+":81", "AGENT_TEST_KEY"), "http/request header Authorization cannot use executor environment variable AGENT_TEST_KEY for this origin"},
			{filled("https://127.0.0.1:80/", "AGENT_TEST_KEY"), "http/request header Authorization cannot use executor environment variable AGENT_TEST_KEY for this origin"},
			{filled("http://127.0.0.1.evil.example/", "AGENT_TEST_KEY"), "http/request header Authorization cannot use executor environment variable AGENT_TEST_KEY for this origin"},
			{filled("http://127.0.0.1@evil.example/", "AGENT_TEST_KEY"), "http/request header Authorization cannot use executor environment variable AGENT_TEST_KEY for this origin"},
			{filled(upstream, "AGENT_TEST_OTHER"), "http/request header Authorization cannot use executor environment variable AGENT_TEST_OTHER"},
			{filled(upstream, "agent_test_key"), "http/request header Authorization cannot use executor environment variable agent_test_key"},
			{filled(upstream, "AGENT_TEST_UNSET"), "http/request header Authorization requires executor environment variable AGENT_TEST_UNSET"},
			{filled(upstream, "AGENT_TEST_EMPTY"), "http/request header Authorization requires a non-empty executor environment variable AGENT_TEST_EMPTY"},
			{filled(upstream, "AGENT_TEST_BAD"), "http/request header value is invalid for Authorization"},
			{withHost, "http/request header Host must match the URL when a header is filled from an environment variable"},
		} {
			e := w.refused(c.p)
			require.Equal(w.t, c.text, e.Message)
			require.Equal(w.t, -32602, e.Code)
			require.Equal(w.t, "notSent permanent", e.stage())
		}
		require.Empty(w.t, requests)
		require.Equal(w.t, 2, w.net.Dialed(), "the link, and one to the server")
	})
	require.Contains(t, log.String(), "msg=exchange")
	require.NotContains(t, log.String(), "s3cret")
}

func TestHeaderEnvIsChecked(t *testing.T) {
	for _, origins := range [][]string{
		nil, {""}, {"*"}, {"api.example.com"}, {"ftp://h"}, {"https://h/path"}, {"https://h?q"}, {"https://me@h"}, {"https://"}, {"https://h", "x"},
	} {
		_, err := newConfig(&Options{HeaderEnv: map[string][]string{"KEY": origins}})
		require.ErrorContains(t, err, "KEY", "%q", origins)
	}
	_, err := newConfig(&Options{HeaderEnv: map[string][]string{"A=B": {"https://h"}}})
	require.Error(t, err)
	env, err := readHeaderEnv(map[string][]string{"KEY": {"HTTPS://API.example.com.", "https://api.example.com:443/"}})
	require.NoError(t, err)
	require.Equal(t, env["KEY"][0], env["KEY"][1], "the same origin, in different spellings")
}

// Without a token every program on this machine could send the variables, so that needs an option.
func TestHeaderEnvRequiresAToken(t *testing.T) {
	env := map[string][]string{"AGENT_TEST_KEY": {upstream}}
	_, err := Listen(t.Context(), "ws://127.0.0.1:0", &Options{HeaderEnv: env})
	require.ErrorContains(t, err, "HeaderEnv requires a token, or HeaderEnvWithoutToken")
	listen(t, &Options{HeaderEnv: env, Token: "right"})
	listen(t, &Options{HeaderEnv: env, HeaderEnvWithoutToken: true})
	_, err = Listen(t.Context(), "ws://0.0.0.0:0", &Options{HeaderEnv: env, HeaderEnvWithoutToken: true})
	require.ErrorContains(t, err, "requires a token: other machines")
}
