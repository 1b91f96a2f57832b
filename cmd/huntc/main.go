// Command huntc compiles detections, written as Sigma documents, to Splunk
// and Defender XDR searches.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// A build allocates much and keeps little: collecting less often saves a
	// quarter of its time, for memory that every machine has.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
