"""What is checked: programs, settings, and what each call of theirs is expected to carry on."""

from dataclasses import dataclass, field

KEPT, LOST, WITH_TRACE = "kept", "lost", "only with traceparent"


@dataclass
class Case:
    """A program A under one setting."""

    stack: str
    """A name of STACKS."""
    setting: str
    """What is set, for readers."""
    calls: dict
    """By path of A: what becomes of the baggage member, and of the header."""
    env: dict = field(default_factory=dict)
    run: str = ""
    """The program where it is not the first of the stack, or its argument."""


STACKS = {
    "node": "Node",
    "python": "Python",
    "go": "Go",
    "java-agent": "Java agent",
    "java-boot3": "Spring Boot 3",
    "java-brave": "Spring Boot 3, Brave",
    "java-boot4": "Spring Boot 4",
}

BOTH, NEITHER = (KEPT, KEPT), (LOST, LOST)
BAGGAGE, HEADER = (KEPT, LOST), (LOST, KEPT)
OURS = "our propagator"


def every(result, *paths):
    return {path: result for path in paths}


def node(setting, calls, env=None, run="a.cjs", preview=False):
    requires = ["@opentelemetry/auto-instrumentations-node/register"]
    requires += ["./preview-propagator.cjs"] if preview else []
    options = " ".join(f"--require {name}" for name in requires)
    # Nothing is sent, and no cloud is asked who we are.
    quiet = {f"OTEL_{signal}_EXPORTER": "none" for signal in ["TRACES", "METRICS", "LOGS"]}
    quiet |= {"OTEL_NODE_RESOURCE_DETECTORS": "env,host"}
    return Case("node", setting, calls, {"NODE_OPTIONS": options} | quiet | (env or {}), run)


NODE = ["http", "fetch", "later"]
NODE_CASES = [
    Case("node", "no SDK", every(NEITHER, *NODE), run="a.cjs"),
    node("nothing", every(BAGGAGE, *NODE)),
    node("nothing, modules of ECMAScript", every(BAGGAGE, *NODE), run="a.mjs"),
    node("`OTEL_PROPAGATORS=tracecontext`", every(NEITHER, *NODE), {"OTEL_PROPAGATORS": "tracecontext"}),
    node("`OTEL_PROPAGATORS=b3`", every(NEITHER, *NODE), {"OTEL_PROPAGATORS": "b3"}),
    node("`OTEL_PROPAGATORS=b3multi,baggage`", every(BAGGAGE, *NODE), {"OTEL_PROPAGATORS": "b3multi,baggage"}),
    node("`OTEL_SDK_DISABLED=true`", every(NEITHER, *NODE), {"OTEL_SDK_DISABLED": "true"}),
    node("`OTEL_TRACES_SAMPLER=always_off`", every(BAGGAGE, *NODE), {"OTEL_TRACES_SAMPLER": "always_off"}),
    node(
        "`OTEL_NODE_ENABLED_INSTRUMENTATIONS=http`",
        {"http": BAGGAGE, "fetch": NEITHER, "later": NEITHER},
        {"OTEL_NODE_ENABLED_INSTRUMENTATIONS": "http"},
    ),
    node(OURS, every(BOTH, *NODE), preview=True),
    node(f"{OURS}, modules of ECMAScript", every(BOTH, *NODE), run="a.mjs", preview=True),
    node(
        f"{OURS}, `OTEL_PROPAGATORS=tracecontext`",
        every(HEADER, *NODE),
        {"OTEL_PROPAGATORS": "tracecontext"},
        preview=True,
    ),
    node(f"{OURS}, `OTEL_SDK_DISABLED=true`", every(NEITHER, *NODE), {"OTEL_SDK_DISABLED": "true"}, preview=True),
]


def python(setting, flask, fastapi, env=None, plain=False):
    quiet = {} if plain else {f"OTEL_{signal}_EXPORTER": "none" for signal in ["TRACES", "METRICS", "LOGS"]}
    start = "" if plain else "opentelemetry-instrument "
    programs = [("flask_a.py", flask), ("fastapi_a.py", fastapi)]
    return [Case("python", setting, calls, quiet | (env or {}), start + program) for program, calls in programs]


FLASK, FASTAPI = ["requests", "pool"], ["httpx", "requests"]


def same(result):
    """The client without instrumentation package loses everything under every setting."""
    return every(result, *FLASK) | {"urllib": NEITHER}, every(result, *FASTAPI)


PYTHON_CASES = [
    *python("no SDK", *same(NEITHER), plain=True),
    *python("nothing", *same(BAGGAGE)),
    *python("`OTEL_PROPAGATORS=tracecontext`", *same(NEITHER), {"OTEL_PROPAGATORS": "tracecontext"}),
    *python("`OTEL_SDK_DISABLED=true`", *same(BAGGAGE), {"OTEL_SDK_DISABLED": "true"}),
    *python(
        "`OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=requests`",
        every(NEITHER, "requests", "pool", "urllib"),
        {"httpx": BAGGAGE, "requests": NEITHER},
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "requests"},
    ),
    *python(
        "without `opentelemetry-instrumentation-threading`",
        {"requests": BAGGAGE, "pool": NEITHER, "urllib": NEITHER},
        every(BAGGAGE, *FASTAPI),
        {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "threading"},
    ),
    *python(
        f"{OURS}, `OTEL_PROPAGATORS=tracecontext,baggage,preview`",
        *same(BOTH),
        {"OTEL_PROPAGATORS": "tracecontext,baggage,preview"},
    ),
]


def go(setting, result, run, env=None):
    """Without the request's context nothing travels under any setting."""
    return Case("go", setting, {"context": result, "none": NEITHER}, env or {}, run)


GO_CASES = [
    go("no SDK", NEITHER, "plain"),
    go("no propagator is set", NEITHER, "otelhttp"),
    go("`TraceContext{}` is set", NEITHER, "tracecontext"),
    go("`TraceContext{}` and `Baggage{}` are set", BAGGAGE, "composite"),
    go("`autoprop` is set", BAGGAGE, "autoprop"),
    go("`autoprop`, `OTEL_PROPAGATORS=tracecontext`", NEITHER, "autoprop", {"OTEL_PROPAGATORS": "tracecontext"}),
    go(OURS, BOTH, "preview"),
    go(f"{OURS}, `OTEL_PROPAGATORS=tracecontext`", HEADER, "preview", {"OTEL_PROPAGATORS": "tracecontext"}),
]


AGENT = ["client", "connection", "executor", "future"]


def agent(setting, result, env=None, run="-javaagent"):
    quiet = {f"OTEL_{signal}_EXPORTER": "none" for signal in ["TRACES", "METRICS", "LOGS"]}
    return Case("java-agent", setting, every(result, *AGENT), quiet | (env or {}), run)


AGENT_CASES = [
    agent("no SDK", NEITHER, run=""),
    agent("nothing", BAGGAGE),
    agent("`OTEL_PROPAGATORS=tracecontext`", NEITHER, {"OTEL_PROPAGATORS": "tracecontext"}),
    agent("`-Dotel.propagators=tracecontext`", NEITHER, {"JAVA_TOOL_OPTIONS": "-Dotel.propagators=tracecontext"}),
    agent("`OTEL_PROPAGATORS=b3multi,baggage`", BAGGAGE, {"OTEL_PROPAGATORS": "b3multi,baggage"}),
    agent("`OTEL_SDK_DISABLED=true`", BAGGAGE, {"OTEL_SDK_DISABLED": "true"}),
    agent("`OTEL_JAVAAGENT_ENABLED=false`", NEITHER, {"OTEL_JAVAAGENT_ENABLED": "false"}),
]


def boot(stack, setting, builder, env=None):
    """A client that is not made by the injected builder loses everything under every setting."""
    return Case(stack, setting, {"builder": builder, "create": NEITHER}, env or {})


FIELDS = {"MANAGEMENT_TRACING_BAGGAGE_REMOTE_FIELDS": "x-preview-id"}
PROPERTY = "`management.tracing.baggage.remote-fields=x-preview-id`"
BOOT_CASES = [
    boot("java-boot3", "nothing", BAGGAGE),
    boot("java-boot3", "`management.tracing.enabled=false`", NEITHER, {"MANAGEMENT_TRACING_ENABLED": "false"}),
    boot(
        "java-boot3",
        "`management.tracing.baggage.enabled=false`",
        NEITHER,
        {"MANAGEMENT_TRACING_BAGGAGE_ENABLED": "false"},
    ),
    boot(
        "java-boot3",
        "`management.tracing.propagation.type=b3`",
        NEITHER,
        {"MANAGEMENT_TRACING_PROPAGATION_TYPE": "b3"},
    ),
    boot("java-boot3", PROPERTY, BOTH, FIELDS),
    boot(
        "java-boot3",
        f"{PROPERTY}, `management.tracing.propagation.type=b3`",
        HEADER,
        FIELDS | {"MANAGEMENT_TRACING_PROPAGATION_TYPE": "b3"},
    ),
    boot("java-brave", "nothing", NEITHER),
    boot("java-brave", PROPERTY, BOTH, FIELDS),
    boot("java-boot4", "nothing", BAGGAGE),
    boot(
        "java-boot4",
        "`management.tracing.propagation.type=b3`",
        NEITHER,
        {"MANAGEMENT_TRACING_PROPAGATION_TYPE": "b3"},
    ),
    boot("java-boot4", PROPERTY, BOTH, FIELDS),
]

CASES = NODE_CASES + PYTHON_CASES + GO_CASES + AGENT_CASES + BOOT_CASES
