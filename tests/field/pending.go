package field

// Pending maps each quirk that does not give the wanted result yet to what happens instead.
var Pending = map[string]string{
	"F23":  "the session does not notice the loss, and every call fails",
	"F24":  "the session does not notice the loss, and every call fails",
	"F25":  "the session does not notice the loss, and every call fails",
	"F61":  "Connect fails through an executor, which sends no User-Agent",
	"F75":  "the session gives up the shared stream",
	"F79":  "the call ends only at its deadline",
	"S13":  "the session sends the call",
	"A3":   "every login uses the forgotten client and fails",
	"A5":   "the login fails",
	"A9":   "the login fails, because the session does not try client_secret_post",
	"F100": "the error does not list the URLs that were tried",
}

// PendingCLI is Pending for results at the command line.
var PendingCLI = map[string]string{}
