// runner takes jobs of Gitea's Actions and runs them on this machine, without containers.
//
//	runner GITEA TOKEN ACTIONS WORK
//
// GITEA is a URL, and TOKEN registers a runner there. `uses: OWNER/REPO/PATH@REF` is answered from the folder
// ACTIONS/OWNER/REPO, whatever the REF, so that workflows keep their pins. Jobs run in folders beneath WORK, with this
// program's own environment and as its user: run nothing here that you would not run in a shell.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	runnerv1 "code.gitea.io/actions-proto-go/runner/v1"
	"code.gitea.io/actions-proto-go/runner/v1/runnerv1connect"
	"connectrpc.com/connect"
)

const (
	version = "lab"
	// How many jobs run at once.
	capacity = 4
	pause    = 200 * time.Millisecond
)

// What `runs-on` may name.
var labels = []string{"ubuntu-latest", "ubuntu-24.04"}

// server is Gitea, and where jobs find what they need.
type server struct {
	runnerv1connect.RunnerServiceClient
	url, actions, work string
}

func main() {
	if err := serve(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("usage: runner GITEA TOKEN ACTIONS WORK")
	}
	actions, err := filepath.Abs(arguments[2])
	if err != nil {
		return err
	}
	work, err := filepath.Abs(arguments[3])
	if err != nil {
		return err
	}
	known := new(identity)
	client := runnerv1connect.NewRunnerServiceClient(&http.Client{Transport: known}, arguments[0]+"/api/actions")
	registered, err := client.Register(ctx, connect.NewRequest(&runnerv1.RegisterRequest{
		Name: "lab", Token: arguments[1], Version: version, Labels: labels,
	}))
	if err != nil {
		return err
	}
	known.uuid, known.token = registered.Msg.Runner.Uuid, registered.Msg.Runner.Token
	declared := connect.NewRequest(&runnerv1.DeclareRequest{Version: version, Labels: labels})
	if _, err := client.Declare(ctx, declared); err != nil {
		return err
	}
	return server{client, arguments[0], actions, work}.workForEver(ctx)
}

// workForEver runs every job that Gitea has for it.
func (s server) workForEver(ctx context.Context) error {
	free := make(chan struct{}, capacity)
	for {
		free <- struct{}{}
		fetched, err := s.FetchTask(ctx, connect.NewRequest(&runnerv1.FetchTaskRequest{}))
		if err != nil || fetched.Msg.Task == nil {
			if err != nil {
				fmt.Println("fetch:", err)
			}
			<-free
			time.Sleep(pause)
			continue
		}
		go func() {
			defer func() { <-free }()
			task := fetched.Msg.Task
			if err := s.run(ctx, task); err != nil {
				fmt.Printf("task %d: %v\n", task.Id, err)
			}
		}()
	}
}

// identity is how Gitea knows a runner again.
type identity struct{ uuid, token string }

func (i *identity) RoundTrip(request *http.Request) (*http.Response, error) {
	if i.uuid != "" {
		request.Header.Set("x-runner-uuid", i.uuid)
		request.Header.Set("x-runner-token", i.token)
	}
	return http.DefaultTransport.RoundTrip(request)
}
