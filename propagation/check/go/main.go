// A: calls B with the request's context or without it, and answers with what B says. The argument says which propagator
// the program sets.
package main

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"

	preview "example.com/propagation/go"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/trace"
)

func main() {
	client := http.DefaultClient
	wrap := func(handler http.Handler) http.Handler { return handler }
	if os.Args[1] != "plain" {
		otel.SetTracerProvider(trace.NewTracerProvider())
		client = &http.Client{Transport: otelhttp.NewTransport(http.DefaultTransport)}
		wrap = func(handler http.Handler) http.Handler { return otelhttp.NewHandler(handler, "a") }
	}
	switch os.Args[1] {
	case "plain", "otelhttp":
	case "composite":
		both := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
		otel.SetTextMapPropagator(both)
	case "tracecontext":
		otel.SetTextMapPropagator(propagation.TraceContext{})
	case "autoprop":
		otel.SetTextMapPropagator(autoprop.NewTextMapPropagator())
	case "preview":
		preview.Install()
	default:
		log.Fatalf("no such propagator: %s", os.Args[1])
	}
	ask := func(context func(*http.Request) context.Context) http.HandlerFunc {
		return func(answer http.ResponseWriter, request *http.Request) {
			question, err := http.NewRequestWithContext(context(request), "GET", os.Getenv("B_URL"), nil)
			if err != nil {
				log.Fatal(err)
			}
			reply, err := client.Do(question)
			if err != nil {
				http.Error(answer, err.Error(), http.StatusBadGateway)
				return
			}
			defer reply.Body.Close()
			io.Copy(answer, reply.Body)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/context", ask((*http.Request).Context))
	mux.Handle("/none", ask(func(*http.Request) context.Context { return context.Background() }))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("A_PORT"), wrap(mux)))
}
