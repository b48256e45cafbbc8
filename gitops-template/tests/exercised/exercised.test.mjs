// Whether the tests touched what the pull request changed. A suite that never calls a changed service is green whatever the
// change does; nothing is as false as that. So this one asks Prometheus until every affected service of the preview got a
// request with the key while the suites ran, and fails when the time is over.
//
// Requests of the smoke suite do not count: it calls each affected service by its name, to see how requests are routed.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const { PREVIEW, PREVIEW_NAMESPACE: namespace, PREVIEW_HEADER, PROMETHEUS_URL } = process.env;
const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const waiting = number("WAIT_SECONDS", 600);
const pause = number("PAUSE_SECONDS", 5) * 1000;
// The suites begin together, within what Flux takes to ask again whether the environment is ready.
const since = Date.now() / 1000 - number("GRACE_SECONDS", 60);
// The label that monitoring/telemetry.yaml fills from the key. Empty: any request counts that reached the preview.
const label = process.env.KEY_LABEL ?? "preview";

const exempt = new Map(
  readFileSync(new URL("exempt.txt", import.meta.url), "utf8")
    .split("\n")
    .map((line) => /^([^#\s]\S*)\s+(.+)$/.exec(line.trim()))
    .filter(Boolean)
    .map(([, name, why]) => [name, why]),
);
const affected = process.env.PREVIEW_SERVICES.split(" ");

// A counter of which Prometheus sees its first sample at 1 never increases, as `increase` has it. So: what has another
// value than at the beginning, or was not there.
const key = label ? `,${label}="${PREVIEW}"` : "";
const counted = `istio_requests_total{destination_workload_namespace="${namespace}",source_canonical_service!~"suite-.+"${key}}`;
const then = `${counted} @ ${since.toFixed(3)}`;
const query = `count by (destination_service_name) ((${counted} != ${then}) or (${counted} unless ${then}))`;

async function ask(query) {
  const url = new URL("/api/v1/query", PROMETHEUS_URL);
  const body = new URLSearchParams({ query });
  const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(10_000) });
  const answer = await response.json();
  assert.equal(answer.status, "success", `Prometheus: ${answer.error}`);
  return answer.data.result;
}

const touched = new Set();
let trouble;
const until = Date.now() + waiting * 1000;
const missing = () => affected.filter((service) => !touched.has(service) && !exempt.has(service));
while (missing().length > 0) {
  try {
    (await ask(query)).forEach(({ metric }) => touched.add(metric.destination_service_name));
    trouble = undefined;
  } catch (error) {
    trouble = error;
  }
  if (missing().length === 0 || Date.now() > until) break;
  await sleep(pause);
}
let scraped = "";
if (missing().length > 0 && !trouble) {
  const up = await ask(`count(up{namespace="${namespace}"} == 1)`);
  scraped = up.length > 0 ? "" : `; but Prometheus scrapes no pod of ${namespace}, so it could not know (monitoring/podmonitor.yaml)`;
}

for (const service of affected) {
  const why = exempt.get(service);
  test(service, { skip: why && `exempt: ${why}` }, () => {
    if (trouble) throw new Error(`Prometheus cannot be asked at ${PROMETHEUS_URL}: ${trouble.cause?.message ?? trouble.message}`);
    assert.ok(
      touched.has(service),
      `${service} of ${namespace} got no request with ${PREVIEW_HEADER}: ${PREVIEW} in ${waiting} s${scraped}. No test touches ` +
        `what this pull request changed: add one that does, or name ${service} in exempt.txt with the reason`,
    );
  });
}
