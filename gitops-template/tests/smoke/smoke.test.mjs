// Which version answers: with the key the preview's, without it the baseline's. Asked of every affected service through
// the mesh, and of the preview's host from outside. Each answer says in `x-answered-by` which service a proxy chose
// (monitoring/answered-by.yaml sets it), so no service has to know of previews.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const { PREVIEW, PREVIEW_NAMESPACE, BASELINE_NAMESPACE, PREVIEW_HEADER, PREVIEW_BAGGAGE } = process.env;
const affected = process.env.PREVIEW_SERVICES.split(" ");
// A route takes a moment from the API server to the proxies; all tests share it.
const until = Date.now() + Number(process.env.PATIENCE_SECONDS ?? 60) * 1000;

const lines = readFileSync(new URL("services.txt", import.meta.url), "utf8").split("\n");
const known = new Map(
  lines
    .map((line) => line.replace(/#.*/, "").trim().split(/\s+/))
    .filter(([name]) => name)
    .map(([name, port, path]) => [name, { port, path }]),
);

/** Who answered a request: `service.namespace`. */
async function answeredBy(url, headers = {}) {
  const response = await fetch(url, { headers, redirect: "manual", signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
  assert.ok(response.status < 500, `${url} answers ${response.status}`);
  const by = response.headers.get("x-answered-by");
  assert.ok(by, `${url} answers without x-answered-by: is monitoring/answered-by.yaml applied, and has this pod a proxy?`);
  // outbound|8080||cart.pr-42.svc.cluster.local
  const host = by.split("|").at(-1);
  return host.split(".").slice(0, 2).join(".");
}

/** Asks until it is right three times in a row: one of several proxies may be late. */
async function settles(isRight) {
  for (let right = 0; right < 3; ) {
    try {
      await isRight();
      right += 1;
    } catch (error) {
      if (Date.now() > until) throw error;
      right = 0;
      await sleep(500);
    }
  }
}

for (const service of affected) {
  test(`${service}`, async (t) => {
    const { port, path } = known.get(service) ?? {};
    assert.ok(path, `services.txt does not say how to ask \`${service}\`: add a line \`${service}  PORT  PATH\``);
    const url = `http://${service}.${BASELINE_NAMESPACE}.svc.cluster.local:${port}${path}`;
    const [copy, original] = [PREVIEW_NAMESPACE, BASELINE_NAMESPACE].map((namespace) => `${service}.${namespace}`);
    const answers = (wanted, headers = {}) => () =>
      settles(async () => {
        const by = await answeredBy(url, headers);
        assert.equal(by, wanted, `${by} answers ${url} with ${JSON.stringify(headers)}, and ${wanted} should`);
      });
    await t.test("with the key the preview answers", answers(copy, { [PREVIEW_HEADER]: PREVIEW }));
    if (PREVIEW_BAGGAGE) {
      const headers = { baggage: `tenant=a,${PREVIEW_BAGGAGE}` };
      await t.test("with the key in baggage the preview answers", answers(copy, headers));
    }
    await t.test("without it the baseline answers", answers(original));
    const another = { [PREVIEW_HEADER]: `${PREVIEW}x` };
    await t.test("with the key of no preview the baseline answers", answers(original, another));
  });
}

/** Whether an entry leads to the right version of whichever service is behind it. */
const leads = (url, isPreview) => () =>
  settles(async () => {
    const [service, namespace] = (await answeredBy(url)).split(".");
    const wanted = isPreview && affected.includes(service) ? PREVIEW_NAMESPACE : BASELINE_NAMESPACE;
    assert.equal(namespace, wanted, `${service} of ${namespace} answers ${url}`);
  });

for (const url of (process.env.PREVIEW_URLS ?? "").split(" ").filter(Boolean)) {
  test(`${url} leads into the preview`, leads(url, true));
}

if (process.env.BASELINE_URL) {
  test(`${process.env.BASELINE_URL} leads to the baseline`, leads(process.env.BASELINE_URL, false));
}
