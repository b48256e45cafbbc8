package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	runnerv1 "code.gitea.io/actions-proto-go/runner/v1"
	"connectrpc.com/connect"
	"github.com/nektos/act/pkg/model"
	"github.com/nektos/act/pkg/runner"
	log "github.com/sirupsen/logrus"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// report is what Gitea is told of a task: log lines, steps and the result. It hears of them as a hook of the job's
// logger.
type report struct {
	server server
	task   *runnerv1.Task
	// Ends the job; Gitea asks for it.
	cancel    context.CancelFunc
	cancelled bool
	mutex     sync.Mutex
	state     *runnerv1.TaskState
	rows      []*runnerv1.LogRow
	written   int64
}

func newReport(s server, task *runnerv1.Task, job *model.Job, cancel context.CancelFunc) *report {
	state := &runnerv1.TaskState{Id: task.Id, StartedAt: timestamppb.Now()}
	if job != nil {
		for i := range job.Steps {
			state.Steps = append(state.Steps, &runnerv1.StepState{Id: int64(i)})
		}
	}
	return &report{server: s, task: task, cancel: cancel, state: state}
}

// Levels says that every line counts.
func (*report) Levels() []log.Level { return log.AllLevels }

// Fire takes a line.
func (r *report) Fire(entry *log.Entry) error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	line := r.written + int64(len(r.rows))
	if raw, _ := entry.Data["raw_output"].(bool); raw || entry.Level <= log.InfoLevel {
		r.row(entry.Time, r.masked(entry))
	}
	number, isStep := entry.Data["stepNumber"].(int)
	if isStep && entry.Data["stage"] == "Main" && number < len(r.state.Steps) {
		step := r.state.Steps[number]
		if step.StartedAt == nil {
			step.StartedAt, step.LogIndex = timestamppb.New(entry.Time), line
		}
		step.LogLength = r.written + int64(len(r.rows)) - step.LogIndex
		// An action's own steps tell of theirs too.
		if ids, _ := entry.Data["stepID"].([]string); len(ids) == 1 {
			if ended, ok := entry.Data["stepResult"]; ok {
				step.Result, step.StoppedAt = result(ended), timestamppb.New(entry.Time)
			}
		}
	}
	if ended, ok := entry.Data["jobResult"]; ok {
		r.state.Result, r.state.StoppedAt = result(ended), timestamppb.New(entry.Time)
	}
	return nil
}

func (r *report) row(at time.Time, text string) {
	r.rows = append(r.rows, &runnerv1.LogRow{Time: timestamppb.New(at), Content: text})
}

// masked is the text of a line without secrets.
func (r *report) masked(entry *log.Entry) string {
	text := strings.TrimRight(entry.Message, "\r\n")
	for _, secret := range r.task.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	if entry.Context != nil {
		for _, secret := range *runner.Masks(entry.Context) {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "***")
			}
		}
	}
	return text
}

// result is a word of act as Gitea says it.
func result(word any) runnerv1.Result {
	switch fmt.Sprint(word) {
	case "success":
		return runnerv1.Result_RESULT_SUCCESS
	case "skipped":
		return runnerv1.Result_RESULT_SKIPPED
	case "cancelled":
		return runnerv1.Result_RESULT_CANCELLED
	}
	return runnerv1.Result_RESULT_FAILURE
}

// regularly tells Gitea what is new until it is stopped.
func (r *report) regularly() (stop func()) {
	stopped := make(chan struct{})
	go func() {
		for {
			select {
			case <-stopped:
				return
			case <-time.After(pause):
				if err := r.flush(nil, false); err != nil {
					fmt.Printf("task %d: %v\n", r.task.Id, err)
				}
			}
		}
	}()
	return func() { close(stopped) }
}

// end tells the result and the outputs. A job that said nothing of its result has failed.
func (r *report) end(job *model.Job, failed error) error {
	r.mutex.Lock()
	if failed != nil {
		r.row(time.Now(), failed.Error())
	}
	switch {
	case r.cancelled:
		r.state.Result = runnerv1.Result_RESULT_CANCELLED
	case r.state.Result == runnerv1.Result_RESULT_UNSPECIFIED:
		r.state.Result = runnerv1.Result_RESULT_FAILURE
	}
	if r.state.StoppedAt == nil {
		r.state.StoppedAt = timestamppb.Now()
	}
	fmt.Printf("task %d: %s\n", r.task.Id, r.state.Result)
	r.mutex.Unlock()
	var outputs map[string]string
	if job != nil {
		outputs = job.Outputs
	}
	return r.flush(outputs, true)
}

// flush sends what is new. The result goes with the last one only. Gitea's answer may be that the task was cancelled.
func (r *report) flush(outputs map[string]string, last bool) error {
	// Not that of the job, which may be cancelled.
	ctx := context.Background()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	written, err := r.server.UpdateLog(ctx, connect.NewRequest(&runnerv1.UpdateLogRequest{
		TaskId: r.task.Id, Index: r.written, Rows: r.rows, NoMore: last,
	}))
	if err != nil {
		return err
	}
	if count := written.Msg.AckIndex - r.written; count > 0 {
		r.rows, r.written = r.rows[count:], written.Msg.AckIndex
	}
	state := r.state
	if !last {
		state = &runnerv1.TaskState{Id: state.Id, StartedAt: state.StartedAt, Steps: state.Steps}
	}
	update := &runnerv1.UpdateTaskRequest{State: state, Outputs: outputs}
	updated, err := r.server.UpdateTask(ctx, connect.NewRequest(update))
	if err != nil {
		return err
	}
	if updated.Msg.State.GetResult() == runnerv1.Result_RESULT_CANCELLED {
		r.cancelled = true
		r.cancel()
	}
	return nil
}
