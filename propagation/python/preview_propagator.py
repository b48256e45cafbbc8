"""Carries one header on, beside what OpenTelemetry carries. The application stays as it is: install this package and set

    OTEL_PROPAGATORS=tracecontext,baggage,preview

PREVIEW_HEADER names another header than x-preview-id.
"""

import os

from opentelemetry import context as contexts
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter

HEADER = os.environ.get("PREVIEW_HEADER", "x-preview-id")
KEY = contexts.create_key(HEADER)


class Preview(TextMapPropagator):
    def extract(self, carrier, context=None, getter=default_getter):
        found = getter.get(carrier, HEADER)
        if not found:
            return contexts.get_current() if context is None else context
        return contexts.set_value(KEY, found[0], context)

    def inject(self, carrier, context=None, setter=default_setter):
        value = contexts.get_value(KEY, context)
        if value:
            setter.set(carrier, HEADER, value)

    @property
    def fields(self):
        return {HEADER}
