// Package replay plays recorded readings through a server's gRPC ingest, with
// engine time from the data: the way to run a flood of the past as if it came
// down the river now.
package replay
