// See https://playwright.dev/docs/test-configuration. The preview's host sets the key, so a browser needs nothing.
import { defineConfig, devices } from "@playwright/test";

const results = process.env.RESULTS;

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.mjs",
  outputDir: `${results}/files`,
  forbidOnly: true,
  retries: 0, // what is red once is red: see tests/README.md
  workers: 2,
  reporter: [
    ["list"],
    ["junit", { outputFile: `${results}/junit.xml` }],
    ["html", { outputFolder: `${results}/playwright`, open: "never" }],
  ],
  use: {
    ...devices["Desktop Chrome"],
    baseURL: process.env.PREVIEW_URL,
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    // The image brings its own browser; elsewhere this names one.
    launchOptions: { executablePath: process.env.CHROMIUM || undefined },
  },
});
