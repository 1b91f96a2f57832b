// Command huntc compiles detections, written as Sigma documents, to Splunk
// and Defender XDR searches.
package main

import (
	"os"
	"runtime/debug"
)

func main() {
	// A build allocates much and keeps little: collecting less often halves
	// its time and stays far below what a small CI machine has.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(150)
	}
	os.Exit(Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
