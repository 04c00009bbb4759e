// Package replay plays recorded readings through a server's gRPC ingest, with
// engine time from the data: the way to run a flood of the past as if it came
// down the river now.
//
// A [Map] says what the columns of recorded CSV files are. [Read] turns files
// into reports, [Play] sends them by one gateway per department and moves the
// driven clock. [Drive] is the step driver under it, for other sources of
// readings.
package replay
