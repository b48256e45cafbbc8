#!/usr/bin/env python3
"""Sends requests with the key through a real program A to a real program B, under every setting of cases.py, and compares
what arrives with what is expected there. What was seen is the table of docs/propagation.md; where that differs, the check
fails, and GOLDEN=bless rewrites it.

    propagation/check/check.py [STACK...]
"""

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import CASES, KEPT, LOST, STACKS, WITH_TRACE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
INSTALLED = ROOT / ".tools/propagation"
DOCUMENT = ROOT / "docs/propagation.md"
START_SECONDS = 120

NUMBERS = itertools.count(1)


def command(case):
    """The words that start A, and the folder they are run in."""
    into = INSTALLED / case.stack
    if case.stack == "node":
        return ["node", case.run], into
    if case.stack == "python":
        venv = into / "venv/bin"
        *start, program = case.run.split()
        return [*(str(venv / name) for name in start), str(venv / "python"), program], HERE / "python"
    if case.stack == "go":
        return [str(into / "a"), case.run], into
    if case.stack == "java-agent":
        (jar,) = (into / "lib").glob("opentelemetry-javaagent-*.jar")
        return ["java", *([f"-javaagent:{jar}"] if case.run else []), "-cp", str(into), "Plain"], into
    port = "--server.port=${A_PORT}"
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{into}{os.pathsep}{into}/lib/*", "a.Boot", port], into


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def stop(process):
    """Ends a process and its children. Node's SDK waits for its exporters when it is asked kindly."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def wait_for(port, process, log):
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"A does not serve: {log.read()[-1000:]}")


def ask(port, path, headers):
    """What B saw of a request to A."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", f"/{path}", headers=headers)
        reply = connection.getresponse()
        body = reply.read()
        if reply.status != 200:
            raise RuntimeError(f"/{path} answers {reply.status}: {body[:300]}")
        return json.loads(body)
    finally:
        connection.close()


def arrived(seen, name):
    """Whether B saw the key as a baggage member, and as the header."""
    members = [member.split(";")[0].strip() for line in seen["baggage"] for member in line.split(",")]
    return f"x-preview-id={name}" in members, seen["x-preview-id"] == [name]


def observe(port, path):
    """What becomes of the member and of the header on this call."""
    results = []
    for trace in [{}, {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]:
        name = f"pr-{next(NUMBERS)}"
        key = {"baggage": f"x-preview-id={name},user=7", "x-preview-id": name}
        results.append(arrived(ask(port, path, key | trace), name))
        seen = ask(port, path, trace)
        if seen["x-preview-id"] or any("x-preview-id" in line for line in seen["baggage"]):
            raise RuntimeError(f"/{path}: a request without the key got one: {seen}")
    outcomes = {(False, False): LOST, (True, True): KEPT, (False, True): WITH_TRACE}
    pairs = list(zip(*results))
    return tuple(outcomes.get(pair, "only without traceparent") for pair in pairs)


def check(case, b_url):
    """By path, what was seen."""
    port = free_port()
    words, folder = command(case)
    words = [word.replace("${A_PORT}", str(port)) for word in words]
    # Nothing of the caller's own settings counts.
    settings = re.compile("OTEL_|DD_|MANAGEMENT_|NODE_OPTIONS$|JAVA_TOOL_OPTIONS$|https?_proxy$", re.IGNORECASE)
    env = {name: value for name, value in os.environ.items() if not settings.match(name)}
    env |= {"A_PORT": str(port), "B_URL": b_url} | case.env
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            words, cwd=folder, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_for(port, process, log)
            return {path: observe(port, path) for path in case.calls}
        except (OSError, RuntimeError, ValueError) as error:
            return f"{error}"
        finally:
            stop(process)


def table(cases, seen):
    """The rows of the document: calls of a setting that fare alike stand in one."""
    lines = ["| runtime | what is set | calls | baggage member | header |", "|---|---|---|---|---|"]
    rows = {}
    for case, results in zip(cases, seen):
        for path, outcome in results.items():
            calls = rows.setdefault((case.stack, case.setting), {}).setdefault(outcome, [])
            calls.extend([path] if path not in calls else [])
    for (stack, setting), outcomes in rows.items():
        for outcome, calls in outcomes.items():
            which = "all" if len(outcomes) == 1 else ", ".join(calls)
            lines.append(f"| {STACKS[stack]} | {setting} | {which} | {' | '.join(outcome)} |")
    return "\n".join(lines) + "\n"


def settle(made):
    """Compares the document's table with what was seen, or rewrites it."""
    begin, end = "<!-- seen -->\n", "<!-- end -->"
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(begin)
    shown, _, after = rest.partition(end)
    if shown == made:
        return True
    if os.environ.get("GOLDEN") != "bless":
        print("docs/propagation.md shows something else: run GOLDEN=bless make propagation and read the diff")
        return False
    DOCUMENT.write_text(before + begin + made + end + after)
    return True


def main():
    wanted = sys.argv[1:] or list(STACKS)
    cases = [case for case in CASES if case.stack in wanted]
    b = subprocess.Popen([sys.executable, HERE / "b.py"], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        b_url = f"http://127.0.0.1:{int(b.stdout.readline())}/"
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            seen = list(pool.map(lambda case: check(case, b_url), cases))
    finally:
        stop(b)
    good = True
    for case, results in zip(cases, seen):
        if results == case.calls:
            print(f"as expected: {case.stack}, {case.setting}")
            continue
        good = False
        print(f"NOT AS EXPECTED: {case.stack}, {case.setting} ({case.run})")
        print(f"  expected: {case.calls}\n  seen:     {results}")
    if good and not sys.argv[1:]:
        good = settle(table(cases, seen))
    print(f"{len(cases)} settings, {sum(len(case.calls) for case in cases)} calls")
    sys.exit(0 if good and cases else 1)


if __name__ == "__main__":
    main()
