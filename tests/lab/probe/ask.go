package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// question is one request. Address is where to connect, Host what the client believes to call.
type question struct {
	Method  string      `json:"method"`
	Address string      `json:"address"`
	Host    string      `json:"host"`
	Path    string      `json:"path"`
	Headers [][2]string `json:"headers"`
	Body    string      `json:"body"`
	// A gRPC call of the method that Path names.
	GRPC bool `json:"grpc"`
	// How often more the same is asked, one after the other, and timed.
	Again int `json:"again"`
}

// told is what came back. Status is HTTP's, or gRPC's for a call; Error says that nothing came back.
type told struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
	Error  string `json:"error"`
	// Where a redirect leads to.
	Location string `json:"location,omitempty"`
	// How long each of the repeated requests took, in nanoseconds.
	Nanos []int64 `json:"nanos,omitempty"`
}

type asker struct {
	http        *http.Client
	connections map[string]*grpc.ClientConn
}

func ask(in io.Reader, out io.Writer) error {
	client := &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	a := asker{client, map[string]*grpc.ClientConn{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	answers := json.NewEncoder(out)
	for lines.Scan() {
		var q question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		answer, err := a.one(q)
		if err == nil && q.Again > 0 {
			answer.Nanos, err = a.again(q, answer)
		}
		if err != nil {
			answer.Error = err.Error()
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

// answered is the pod that an answer came from.
func answered(t told) string {
	var e echo
	_ = json.Unmarshal([]byte(t.Body), &e)
	return e.Pod
}

// again repeats a question; whoever answered it must answer it again.
func (a asker) again(q question, known told) ([]int64, error) {
	nanos := make([]int64, 0, q.Again)
	for range q.Again {
		start := time.Now()
		answer, err := a.one(q)
		nanos = append(nanos, time.Since(start).Nanoseconds())
		if err != nil {
			return nil, err
		}
		if answer.Status != known.Status || answered(answer) != answered(known) {
			return nil, fmt.Errorf("status %d and %q after %d and %q", answer.Status, answer.Body, known.Status, known.Body)
		}
	}
	return nanos, nil
}

func (a asker) one(q question) (told, error) {
	if q.GRPC {
		return a.call(q)
	}
	request, err := http.NewRequest(q.Method, "http://"+q.Address+q.Path, strings.NewReader(q.Body))
	if err != nil {
		return told{}, err
	}
	request.Host = q.Host
	for _, header := range q.Headers {
		// Not canonicalised: the wire carries what the case says.
		request.Header[header[0]] = append(request.Header[header[0]], header[1])
	}
	response, err := a.http.Do(request)
	if err != nil {
		return told{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return told{Status: response.StatusCode, Body: string(body), Location: response.Header.Get("Location")}, err
}

func (a asker) call(q question) (told, error) {
	key := q.Address + " " + q.Host
	connection := a.connections[key]
	if connection == nil {
		var err error
		connection, err = grpc.NewClient("passthrough:///"+q.Address, grpc.WithAuthority(q.Host),
			grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return told{}, err
		}
		a.connections[key] = connection
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, header := range q.Headers {
		ctx = metadata.AppendToOutgoingContext(ctx, header[0], header[1])
	}
	reply := new(wrapperspb.StringValue)
	if err := connection.Invoke(ctx, q.Path, wrapperspb.String(q.Body), reply, grpc.WaitForReady(true)); err != nil {
		return told{Status: int(status.Code(err)), Body: err.Error()}, nil
	}
	return told{Body: reply.Value}, nil
}
