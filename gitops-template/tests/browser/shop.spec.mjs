// What a customer does, in a real browser. Put your own pages in place of these.
import { expect, test } from "@playwright/test";

test("the front page opens without an error", async ({ page }) => {
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("response", (answer) => {
    if (answer.status() >= 500) errors.push(`${answer.url()} answers ${answer.status()}`);
  });
  const answer = await page.goto("./");
  expect(answer?.ok()).toBe(true);
  await expect(page).toHaveTitle(/.+/);
  await page.waitForLoadState("networkidle");
  expect(errors).toEqual([]);
});

test("what is put into the cart is in the cart", async ({ page }) => {
  await page.goto("./");
  await page.getByRole("button", { name: "Add to cart" }).first().click();
  await expect(page.getByTestId("cart-count")).toHaveText("1");
});
