// probe is the lab's hand on the network: it answers for every pod, asks as a client does, and pushes
// folders to the registry as `flux push artifact` does.
//
//	probe answer PORT...                         answers HTTP/1.1, HTTP/2 and gRPC on these ports of every address
//	probe ask                                    JSON requests on stdin, one per line; JSON answers on stdout
//	probe push FOLDER oci://URL:TAG REVISION URL   a folder as an OCI artifact of this revision and source
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fluxcd/pkg/oci"
	"github.com/google/go-containerregistry/pkg/crane"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	switch {
	case len(arguments) > 1 && arguments[0] == "answer":
		return answer(arguments[1:])
	case len(arguments) == 1 && arguments[0] == "ask":
		return ask(os.Stdin, os.Stdout)
	case len(arguments) == 5 && arguments[0] == "push":
		return push(arguments[1], arguments[2], arguments[3], arguments[4])
	}
	return fmt.Errorf("usage: probe answer PORT... | ask | push FOLDER URL REVISION SOURCE")
}

func push(folder, url, revision, source string) error {
	reference, err := oci.ParseArtifactURL(url)
	if err != nil {
		return err
	}
	client := oci.NewClient([]crane.Option{crane.Insecure})
	metadata := oci.Metadata{Source: source, Revision: revision, Created: time.Now().UTC().Format(time.RFC3339)}
	digest, err := client.Push(context.Background(), reference, folder, oci.WithPushMetadata(metadata))
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}
