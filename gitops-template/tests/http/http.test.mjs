// What the shop's API promises, asked of the preview from outside, as a client would. Put your own calls in place of these.
import assert from "node:assert/strict";
import test from "node:test";

const base = process.env.PREVIEW_URL;
assert.ok(base, "PREVIEW_URL is empty: no Gateway leads into this preview (spec.routing.entries)");

const call = (path, options = {}) =>
  fetch(new URL(path, base), { signal: AbortSignal.timeout(10_000), ...options });

test("the front page is a page", async () => {
  const page = await call("");
  assert.equal(page.status, 200);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html/);
});

for (const service of ["catalog", "cart"]) {
  test(`${service} answers in JSON`, async () => {
    const answer = await call(`api/${service}/items`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
    assert.ok(Array.isArray(await answer.json()), "a list of items");
  });
}

test("what is not there is not found", async () => {
  const answer = await call("api/catalog/items/no-such-item");
  assert.equal(answer.status, 404);
});
