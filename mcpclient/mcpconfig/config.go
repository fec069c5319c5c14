package mcpconfig

import (
	"net/http"
	"time"
)

// Config is what configuration files say. It prints without its secrets.
type Config struct {
	// Servers are the usable entries, sorted by name. Entries with a fatal [Problem] are not among
	// them.
	Servers []Server
	// Executors are the usable executors that files declare, by name.
	Executors map[string]Executor
	// Problems are what is wrong with the files, in the order of the files and of their lines.
	Problems []Problem
}

// Server is one entry of a configuration file, with all variables filled in. It prints without its
// secrets: of URL, only the scheme and the host.
type Server struct {
	// Name is the key of the entry.
	Name string
	// URL is the server's endpoint for Streamable HTTP: an absolute http or https URL without
	// userinfo. It is "" if Other is set, or if Disabled is and a variable of the URL is not.
	URL string
	// Header is sent with each request. It may be nil.
	Header http.Header
	// HeadersFromEnv maps the name of a header to that of a variable in the environment of the
	// executor, which sends the variable's value. The value never reaches this process. If it is
	// not nil, Executor is set.
	HeadersFromEnv map[string]string
	// Executor names the executor of [Config] that sends the requests, "" for none.
	Executor string
	// Allow and Deny are patterns in the syntax of [path.Match] for the server's own names of its
	// tools. A slash in a name is an ordinary character. Deny wins. An Allow that is nil allows
	// every tool. See Allows.
	Allow, Deny []string
	// Approve maps patterns of the same kind to rules. See Rule.
	Approve map[string]Rule
	// ConnectTimeout bounds connecting, and CallTimeout a call. 0 means the default.
	ConnectTimeout, CallTimeout time.Duration
	// Required says that the agent is of no use without this server.
	Required bool
	// Disabled says that the file turns the server off. No input is asked for and no helper runs
	// for it, so settings may be missing.
	Disabled bool
	// OAuth is what the file says about authorization, nil if it says nothing. It is off if a header
	// Authorization is set.
	OAuth *OAuth
	// Other is set for an entry that is not a Streamable HTTP server.
	Other *Other
}

// Rule says whether a call needs the user's approval.
type Rule uint8

const (
	// Auto makes the call without asking. It is the rule of tools that no pattern matches.
	Auto Rule = iota
	// Ask asks the user before each call.
	Ask
	// Never refuses the call.
	Never
)

// OAuth is what an entry says about authorization. It prints without its strings.
type OAuth struct {
	// Off says that the server must not be authorized with OAuth.
	Off bool
	// ClientID and ClientSecret identify a registered client.
	ClientID, ClientSecret string
	// CallbackPort is the port of the redirect URI, 0 for any. RedirectURI is the whole URI, "" if
	// the file does not set it.
	CallbackPort int
	RedirectURI  string
	// Scopes are the scopes to request, nil if the file does not set them.
	Scopes []string
	// Issuer is the authorization server, and MetadataURL the address of its metadata. Both are ""
	// if the file does not set them.
	Issuer, MetadataURL string
}

// Other is an entry that this package does not connect: a program to run, or a transport other than
// Streamable HTTP. It prints without Command, Args, Dir and the values of Env and Header, which may
// hold secrets, and with the scheme and the host of URL.
type Other struct {
	// Kind is "stdio", "sse" or "ws".
	Kind string
	// Command, Args, Env and Dir describe the program of a stdio server. Env is added to the
	// environment. Dir is "" if the file does not set it.
	Command string
	Args    []string
	Env     map[string]string
	Dir     string
	// URL and Header describe a server of another kind.
	URL    string
	Header http.Header
}

// Executor is an executor that entries refer to. It prints without Token, and with the scheme and the
// host of URL.
type Executor struct {
	// URL is the address of the executor, a ws or wss URL such as ws://127.0.0.1:8765.
	URL string
	// Token authenticates the client to the executor, "" if it needs none.
	Token string
}

// Problem is something in a file that is wrong, ignored or not understood. It never shows the value
// of a variable, a header or another setting, only names.
type Problem struct { //nolint:errname // it is data first
	// File is the name of the file, "" for [Loader.LoadMap]. Line counts from 1; 0 if unknown.
	File string
	Line int
	// Server is the name of the entry, and Key the path of the setting in it, such as
	// "headers.Authorization". Server is "" if the problem is about the file or an executor. Both
	// are cut after 256 bytes, and have no control characters.
	Server, Key string
	// Reason says what is wrong and what to do.
	Reason string
	// Fatal says that the entry is left out. Otherwise the setting is.
	Fatal bool
}
