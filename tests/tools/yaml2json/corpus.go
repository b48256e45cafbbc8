package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/kyaml/kio"
)

// What a reader makes of a file: its documents that are not null, or why it refuses it.
type reading struct {
	Documents []json.RawMessage `json:"documents"`
	Error     string            `json:"error,omitempty"`
}

func compact(text []byte) json.RawMessage {
	var out bytes.Buffer
	if json.Compact(&out, text) != nil {
		return text
	}
	return out.Bytes()
}

// kubectl reads a file as its resource builder does.
func kubectl(text []byte) (read reading) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var document json.RawMessage
		if err := decoder.Decode(&document); err == io.EOF {
			return read
		} else if err != nil {
			return reading{Error: err.Error()}
		}
		document = bytes.TrimSpace(document)
		if len(document) > 0 && !bytes.Equal(document, []byte("null")) {
			read.Documents = append(read.Documents, compact(document))
		}
	}
}

// kustomize reads a file as it does for `resources:`.
func kustomize(text []byte) (read reading) {
	defer func() {
		if panicked := recover(); panicked != nil {
			read = reading{Error: fmt.Sprint(panicked)}
		}
	}()
	reader := kio.ByteReader{
		Reader:                bytes.NewReader(text),
		OmitReaderAnnotations: true,
		DisableUnwrapping:     true,
	}
	nodes, err := reader.Read()
	if err != nil {
		return reading{Error: err.Error()}
	}
	for _, node := range nodes {
		document, err := node.MarshalJSON()
		if err != nil {
			return reading{Error: err.Error()}
		}
		read.Documents = append(read.Documents, compact(document))
	}
	return read
}

// corpus answers each string of JSON on stdin, the text of a file, with a line of JSON.
func corpus() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	texts := json.NewDecoder(bufio.NewReader(os.Stdin))
	for {
		var text string
		if err := texts.Decode(&text); err == io.EOF {
			return
		} else if err != nil {
			panic(err)
		}
		file := []byte(text)
		line, err := json.Marshal(map[string]reading{"kubectl": kubectl(file), "kustomize": kustomize(file)})
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(out, "%s\n", line)
	}
}
