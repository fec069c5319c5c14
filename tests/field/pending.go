package field

// Pending maps each quirk that does not give the wanted result yet to what happens instead.
var Pending = map[string]string{
	"A3":   "every login uses the forgotten client and fails",
	"A5":   "the login fails",
	"A9":   "the login fails, because the session does not try client_secret_post",
	"F100": "the error does not list the URLs that were tried",
	"F119": "every call fails, and the user is never prompted to log in",
}

// PendingCLI is Pending for results at the command line.
var PendingCLI = map[string]string{}
