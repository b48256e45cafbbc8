package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	runnerv1 "code.gitea.io/actions-proto-go/runner/v1"
	"github.com/nektos/act/pkg/common"
	"github.com/nektos/act/pkg/model"
	"github.com/nektos/act/pkg/runner"
	log "github.com/sirupsen/logrus"
	"go.yaml.in/yaml/v4"
)

// run runs the one job of a task, and tells Gitea how it goes and how it ended.
func (s server) run(ctx context.Context, task *runnerv1.Task) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	job, plan, err := planOf(task)
	told := newReport(s, task, job, cancel)
	if err == nil {
		stop := told.regularly()
		err = s.execute(common.WithLoggerHook(ctx, told), task, plan)
		stop()
	}
	return told.end(job, err)
}

// planOf reads the task's workflow, which has one job: Gitea has taken it apart. Jobs that this one needs are there as
// they ended.
func planOf(task *runnerv1.Task) (*model.Job, *model.Plan, error) {
	workflow, err := model.ReadWorkflow(bytes.NewReader(task.WorkflowPayload))
	if err != nil {
		return nil, nil, err
	}
	ids := workflow.GetJobIDs()
	if len(ids) != 1 {
		return nil, nil, fmt.Errorf("%d jobs in one task", len(ids))
	}
	job := workflow.GetJob(ids[0])
	for id, need := range task.Needs {
		result := strings.ToLower(strings.TrimPrefix(need.Result.String(), "RESULT_"))
		workflow.Jobs[id] = &model.Job{Outputs: need.Outputs, Result: result}
	}
	job.RawNeeds = yaml.Node{}
	if err := job.RawNeeds.Encode(slices.Sorted(maps.Keys(task.Needs))); err != nil {
		return job, nil, err
	}
	plan, err := model.CombineWorkflowPlanner(workflow).PlanJob(ids[0])
	return job, plan, err
}

func (s server) execute(ctx context.Context, task *runnerv1.Task, plan *model.Plan) error {
	folder := filepath.Join(s.work, fmt.Sprintf("task-%d", task.Id))
	workspace := filepath.Join(folder, "workspace")
	if err := os.MkdirAll(workspace, 0o755); err != nil {
		return err
	}
	text := func(key string) string { return task.Context.Fields[key].GetStringValue() }
	event := task.Context.Fields["event"].GetStructValue()
	eventJSON, err := event.MarshalJSON()
	if err != nil {
		return err
	}
	context := &model.GithubContext{
		Event: event.AsMap(), EventName: text("event_name"), Actor: text("actor"), Token: task.Secrets["GITHUB_TOKEN"],
		Repository: text("repository"), RepositoryOwner: text("repository_owner"),
		RunID: text("run_id"), RunNumber: text("run_number"), RunAttempt: text("run_attempt"),
		Sha: text("sha"), Ref: text("ref"), RefName: text("ref_name"), RefType: text("ref_type"),
		HeadRef: text("head_ref"), BaseRef: text("base_ref"), ServerURL: s.url, APIURL: s.url + "/api/v1",
	}
	// A job whose `if` does not hold is told of at this level only.
	level := log.DebugLevel
	runs, err := runner.New(&runner.Config{
		Workdir: workspace, ActionCacheDir: filepath.Join(folder, "actions"), ActionCache: actions(s.actions),
		PresetGitHubContext: context, EventName: context.EventName, EventJSON: string(eventJSON),
		Actor: context.Actor, Token: context.Token, Secrets: task.Secrets, Vars: task.Vars,
		Env: map[string]string{"GITHUB_SERVER_URL": context.ServerURL, "GITHUB_API_URL": context.APIURL},
		// With its scheme, or jobs are told another one.
		GitHubInstance: s.url, DefaultActionInstance: "https://github.com", NoSkipCheckout: true, AutoRemove: true,
		PlatformPicker: func([]string) string { return "-self-hosted" },
		LogOutput:      true, JobLoggerLevel: &level,
	})
	if err != nil {
		return err
	}
	return runs.NewPlanExecutor(plan)(ctx)
}

// actions answers for every action from a folder OWNER/REPO in this one.
func actions(folder string) runner.ActionCache {
	return &local{folder, runner.LocalRepositoryCache{CacheDirCache: map[string]string{}}}
}

type local struct {
	folder string
	runner.LocalRepositoryCache
}

func (l *local) Fetch(_ context.Context, cacheDir, address, ref, _ string) (string, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	found := filepath.Join(l.folder, filepath.FromSlash(strings.TrimSuffix(parsed.Path, ".git")))
	if _, err := os.Stat(found); err != nil {
		return "", fmt.Errorf("nothing here stands for %s@%s: %w", address, ref, err)
	}
	l.CacheDirCache[cacheDir+"@"+ref] = found
	return ref, nil
}
