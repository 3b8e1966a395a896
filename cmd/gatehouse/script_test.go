package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the scripts run gatehouse without building it, and the lines
// that gatehouse dev shows find a curl on every machine.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gatehouse": main, "curl": curl})
}

// TestScript runs the stories in testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}
