// Whether the preview keeps up: a small load on it and the same on the baseline, one after the other. It is meant to find
// what is ten times slower, not five per cent: the services behind the changed ones are shared with everybody.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";

// ESM finds packages beside a file; these lie where the Job installed them.
const autocannon = createRequire(`${process.env.NODE_MODULES ?? "."}/`)("autocannon");

const number = (name, otherwise) => Number(process.env[name] ?? otherwise);
const rate = number("RATE", 20);
const duration = number("SECONDS", 20);
const slowest = number("P99_MILLISECONDS", 1000);
const factor = number("TIMES_THE_BASELINE", 3);
const paths = (process.env.PATHS ?? "/ /api/catalog/items").split(" ");

async function load(url) {
  const requests = paths.map((path) => ({ method: "GET", path }));
  const found = await autocannon({ url, requests, duration, overallRate: rate, connections: 4, timeout: 10 });
  const { p50, p97_5, p99, max } = found.latency;
  return {
    url, requests: found.requests.total, errors: found.errors, timeouts: found.timeouts, non2xx: found.non2xx,
    milliseconds: { p50, p97_5, p99, max },
  };
}

const [preview, baseline] = [process.env.PREVIEW_URL, process.env.BASELINE_URL].map((url) => new URL(url).origin);
const results = {};

test(`${rate} requests a second for ${duration} s`, async (t) => {
  results.baseline = await load(baseline);
  results.preview = await load(preview);
  writeFileSync(`${process.env.RESULTS}/load.json`, JSON.stringify(results, null, 2) + "\n");
  console.log(results);
  await t.test("every answer is a good one", () => {
    const { requests, errors, timeouts, non2xx } = results.preview;
    assert.ok(requests > 0, "nothing was asked");
    assert.deepEqual({ errors, timeouts, non2xx }, { errors: 0, timeouts: 0, non2xx: 0 });
  });
  await t.test(`99 of 100 answers within ${slowest} ms`, () => {
    assert.ok(results.preview.milliseconds.p99 <= slowest, `${results.preview.milliseconds.p99} ms`);
  });
  await t.test(`and within ${factor} times what the baseline takes`, () => {
    // Below 50 ms a factor says nothing.
    const allowed = Math.max(50, results.baseline.milliseconds.p99 * factor);
    assert.ok(results.preview.milliseconds.p99 <= allowed, `${results.preview.milliseconds.p99} ms, ${allowed} ms allowed`);
  });
});
