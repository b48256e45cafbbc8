// A KRM function on kyaml, the library that functions in Go are written with. It gives back the items
// that it gets: what any such function takes for reading and writing alone.
package main

import (
	"os"

	"sigs.k8s.io/kustomize/kyaml/fn/framework"
	"sigs.k8s.io/kustomize/kyaml/fn/framework/command"
)

func main() {
	nothing := framework.ResourceListProcessorFunc(func(*framework.ResourceList) error { return nil })
	if err := command.Build(nothing, command.StandaloneDisabled, false).Execute(); err != nil {
		os.Exit(1)
	}
}
