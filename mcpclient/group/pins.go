package group

// Pins remembers the definitions of tools that were accepted.
type Pins struct{}
