package field

// Pending maps each quirk that does not give the wanted result yet to what happens instead.
var Pending = map[string]string{
	"F23":   "the session does not notice the loss, and every call fails",
	"F24":   "the session does not notice the loss, and every call fails",
	"F25":   "the session does not notice the loss, and every call fails",
	"F61":   "Connect fails through an executor, which sends no User-Agent",
	"F75":   "the session gives up the shared stream",
	"F79":   "the call ends only at its deadline",
	"S13":   "the session sends the call",
	"A1":    "the login fails, because the issuers differ",
	"A3":    "every login uses the forgotten client and fails",
	"A4":    "the error does not name the parameter resource",
	"A5":    "the login fails",
	"A6":    "the login fails, because the session does not try the well-known URLs",
	"A7":    "the login fails, because the session does not read the OpenID document",
	"A9":    "the login fails, because the session does not try client_secret_post",
	"A10":   "the call fails, because the session does not renew the token",
	"A11":   "the login fails",
	"A11b":  "the login fails if expires_in is negative, scope is an array, or token_type is missing",
	"A11c":  "the login fails if client_secret_expires_at is a string",
	"A12":   "the login fails, because the redirect URIs differ",
	"A13":   "the error names neither resource",
	"F99":   "the login fails, because the session does not try that URL",
	"F100":  "the error does not list the URLs that were tried",
	"F101":  "the login fails, because the session tries only the first",
	"F102":  "the login fails, because the session does not try the second URL",
	"F105":  "the error names neither issuer",
	"F107":  "the error does not name the missing member",
	"F109":  "the error does not contain the server's text",
	"F113":  "the login fails if token_type is “user”",
	"F115b": "the error does not name the content type",
	"F119":  "every call fails, and the user is never prompted to log in",
	"F120":  "the login times out, and the error hides the server's message",
	"F124":  "the login fails, because the session does not read that metadata",
}

// PendingCLI is Pending for results at the command line.
var PendingCLI = map[string]string{
	"A8": "hawser has no flags for them",
}
