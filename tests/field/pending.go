package field

// Pending maps each quirk that does not give the wanted result yet to what happens instead.
var Pending = map[string]string{}

// PendingCLI is Pending for results at the command line.
var PendingCLI = map[string]string{}
