// Package preview carries one header on, beside what OpenTelemetry carries. Call Install once, before the first
// request; handlers and clients need otelhttp, and a call that belongs to a request needs the request's context.
//
// OTEL_PROPAGATORS is obeyed; where it is unset, tracecontext and baggage travel too.
package preview

import (
	"context"

	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
)

// Header is carried on.
const Header = "x-preview-id"

// Install sets the program's propagator.
func Install() {
	chosen := autoprop.NewTextMapPropagator()
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(chosen, carrier{}))
}

type key struct{}

type carrier struct{}

func (carrier) Extract(ctx context.Context, from propagation.TextMapCarrier) context.Context {
	if value := from.Get(Header); value != "" {
		return context.WithValue(ctx, key{}, value)
	}
	return ctx
}

func (carrier) Inject(ctx context.Context, to propagation.TextMapCarrier) {
	if value, _ := ctx.Value(key{}).(string); value != "" {
		to.Set(Header, value)
	}
}

func (carrier) Fields() []string { return []string{Header} }
