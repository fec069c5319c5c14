package field

// Pending are the quirks that do not come out as wanted yet, with the reason.
var Pending = map[string]string{
	"F23":   "the session is not examined, and calls fail",
	"F24":   "the session is not examined, and calls fail",
	"F25":   "the session is not examined, and calls fail",
	"F61":   "fails through an executor, which sends no User-Agent",
	"F75":   "the shared stream is given up",
	"F79":   "the call ends only at its deadline",
	"S13":   "the call is sent",
	"A1":    "the login fails: another issuer",
	"A3":    "every login uses the dead client",
	"A4":    "the error does not name the parameter",
	"A5":    "the login fails",
	"A6":    "the login fails: the well-known places are not asked",
	"A7":    "the login fails: the OpenID document is not read",
	"A9":    "the login fails: the other method is not tried",
	"A10":   "treated as a refusal: the token is not renewed",
	"A11":   "the login fails",
	"A11b":  "the login fails if expires_in is negative, scope an array, or token_type missing",
	"A11c":  "the login fails if client_secret_expires_at is text",
	"A12":   "the login fails: for another redirect URI",
	"A13":   "the error names neither resource",
	"F99":   "the login fails: that place is not asked",
	"F100":  "the error does not list the places",
	"F101":  "the login fails: only the first is tried",
	"F102":  "the login fails: the second place is not asked",
	"F105":  "the error names neither issuer",
	"F107":  "the error does not name the member",
	"F109":  "the error lacks the text",
	"F113":  "the login fails for “user”",
	"F115b": "the error does not name the content type",
	"F119":  "each call fails, and no login is asked for",
	"F120":  "the error says that the login timed out",
	"F124":  "the login fails: the metadata of the origin is not read",
}

// PendingCLI are those of the command line.
var PendingCLI = map[string]string{
	"A8": "no such flags",
}
