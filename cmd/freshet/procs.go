package main

import (
	"os"
	"runtime"
)

// smallMachine is the number of processors up to which share gives the Go
// scheduler twice as many.
const smallMachine = 4

// share lets a small machine serve gateways while it computes. The road of a
// frame to the disk leads through a dozen goroutines. Where engine, archive and
// compaction keep every processor busy, Go lets each of them finish its time
// slice of 10 ms before the next goroutine has its turn; the operating system
// lets a thread that woke up run at once. With twice as many threads as
// processors, that choice is the operating system's: measured on two processors,
// three times as many readings are acknowledged per second, at a third of the
// latency. GOMAXPROCS in the environment overrides it.
func share() {
	if n := runtime.GOMAXPROCS(0); os.Getenv("GOMAXPROCS") == "" && n <= smallMachine {
		runtime.GOMAXPROCS(2 * n)
	}
}
