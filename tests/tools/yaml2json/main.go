// Reads YAML documents from stdin as kubectl and the API server's clients do, and prints each as one
// line of JSON; a document that they refuse becomes the line `error: ...`. With the argument `corpus` it
// reads whole files, see corpus.go.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "corpus" {
		corpus()
		return
	}
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for _, document := range strings.Split(string(text), "\n--- # next\n") {
		json, err := yaml.YAMLToJSONStrict([]byte(document))
		if err != nil {
			fmt.Fprintf(out, "error: %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Fprintf(out, "%s\n", json)
	}
}
