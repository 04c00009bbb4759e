package auth

import "time"

// An Event is one refusal, for the log and the record.
type Event struct {
	At      time.Time
	Reason  Reason
	Method  string // of gRPC, or the pattern of an HTTP request
	Who     string // name of the credential: never a secret
	Address string // without port
	Text    string
	Untold  int // refusals to that address before this one that were counted only
}
