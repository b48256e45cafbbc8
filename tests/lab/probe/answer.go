package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// echo is what a pod says of the request that reached it.
type echo struct {
	Pod     string              `json:"pod"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Headers map[string][]string `json:"headers"`
}

func answer(ports []string) error {
	calls := grpc.NewServer(grpc.UnknownServiceHandler(answerCall))
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 2 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			calls.ServeHTTP(w, r)
			return
		}
		headers := map[string][]string{}
		for name, values := range r.Header {
			headers[strings.ToLower(name)] = values
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(echo{pod(r.Context()), r.Method, r.URL.RequestURI(), headers})
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	// An Envoy listens on the same ports of 127.0.0.1.
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(socket uintptr) {
			failed = unix.SetsockoptInt(int(socket), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		if err != nil {
			return err
		}
		return failed
	}}
	ended := make(chan error)
	for _, port := range ports {
		listener, err := shared.Listen(context.Background(), "tcp4", "0.0.0.0:"+port)
		if err != nil {
			return err
		}
		server := &http.Server{Handler: handler, Protocols: protocols}
		go func() { ended <- server.Serve(listener) }()
	}
	return <-ended
}

func answerCall(_ any, stream grpc.ServerStream) error {
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != nil {
		return err
	}
	method, _ := grpc.MethodFromServerStream(stream)
	headers, _ := metadata.FromIncomingContext(stream.Context())
	body, err := json.Marshal(echo{pod(stream.Context()), "POST", method, headers})
	if err != nil {
		return err
	}
	return stream.SendMsg(wrapperspb.String(string(body)))
}

// pod is the address that was asked, which tells the pod.
func pod(ctx context.Context) string {
	address, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if address == nil {
		return ""
	}
	host, _, _ := net.SplitHostPort(address.String())
	return host
}
