// The pages in a real browser: what it sees becomes one line of JSON.
//
// In: a JSON object on the command line: where the modules and the browser are,
// the daemon's address, the pages. Out: lines of JSON on standard output:
// {"ready": true} when a denial may be provoked, then all that was seen.
// Lacks on purpose: judging, which the test does.

import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

const told = JSON.parse(process.argv[2]);
const require = createRequire(path.join(told.modules, "x.js"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WIDTHS = { desktop: 1280, phone: 360 };
const seen = { violations: [], complaints: [], overflows: [], dialogs: 0, hidden: [] };
const browser = await chromium.launch({
  executablePath: told.chromium,
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
});

async function context(options) {
  const made = await browser.newContext({ reducedMotion: "reduce", ...options });
  made.setDefaultTimeout(10_000);
  made.on("page", (page) => {
    page.on("console", (message) => {
      // The answer of a page that is not there is told as an error as well.
      const expected = message.text().includes("404") && page.url().endsWith(told.pages.missing);
      if (["error", "warning"].includes(message.type()) && !expected) {
        seen.complaints.push(`${page.url()}: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => seen.complaints.push(`${page.url()}: ${error}`));
    page.on("dialog", (dialog) => { seen.dialogs += 1; dialog.dismiss(); });
  });
  return made;
}

async function look(page, name, scheme, device) {
  await page.goto(told.base + told.pages[name]);
  await page.locator("#status:not(.lost)").waitFor();
  // What is folded away is read and measured, too.
  await page.evaluate(() => document.querySelectorAll("details").forEach((one) => { one.open = true; }));
  const wide = await page.evaluate(() => {
    const root = document.documentElement;
    return root.scrollWidth > root.clientWidth;
  });
  if (wide) seen.overflows.push(`${name} ${device}`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run());
  for (const violation of found.violations) {
    const nodes = violation.nodes.slice(0, 3).map((node) => node.html);
    seen.violations.push({ page: name, scheme, device, rule: violation.id, impact: violation.impact, nodes });
  }
  if (told.shots) {
    const file = path.join(told.shots, `${name}-${device}-${scheme}.png`);
    await page.screenshot({ path: file, fullPage: true });
  }
}

for (const scheme of ["light", "dark"]) {
  for (const [device, width] of Object.entries(WIDTHS)) {
    const made = await context({ colorScheme: scheme, viewport: { width, height: 800 } });
    const page = await made.newPage();
    for (const name of Object.keys(told.pages)) await look(page, name, scheme, device);
    await made.close();
  }
}

// Without the script: everything is there, and the page reloads by itself.
{
  const made = await context({ javaScriptEnabled: false });
  const page = await made.newPage();
  await page.goto(told.base + told.pages.list);
  seen.bare = { list: await page.content() };
  await page.goto(told.base + told.pages.degraded);
  seen.bare.container = await page.content();
  await made.close();
}

// With it: a denial arrives without a reload, and what the reader does stays.
{
  const made = await context({ viewport: { width: 1280, height: 800 }, permissions: ["clipboard-read", "clipboard-write"] });
  const page = await made.newPage();
  await page.goto(told.base + told.pages.hostile);
  await page.locator("#status.live").waitFor();
  const summary = page.locator(".remedy summary").first();
  if (await summary.count()) {
    await summary.click();
    await summary.focus();
    await page.locator(".remedy details[open] button.copy").first().click();
    seen.copied = await page.evaluate(() => navigator.clipboard.readText());
    await summary.focus();
  }
  await page.evaluate(() => { window.kept = true; });
  console.log(JSON.stringify({ ready: true }));
  const begun = Date.now();
  await page.locator("#live", { hasText: told.marker }).waitFor();
  seen.live = {
    milliseconds: Date.now() - begun,
    kept: await page.evaluate(() => window.kept === true),
    open: await page.locator(".remedy details[open]").count(),
    focused: await page.evaluate(() => document.activeElement.tagName),
    text: await page.locator("#live").innerText(),
    elements: await page.locator("#live img, #live script, #live iframe").count(),
  };
  await page.locator("#pause").click();
  seen.live.paused = await page.locator("#status").innerText();
  await page.goto(told.base + told.pages.filling);
  seen.sparklines = await page.locator("figure.past polyline").count();
  await page.goto(told.base + told.pages.list);
  await page.keyboard.press("Tab");
  seen.skip = await page.evaluate(() => document.activeElement.className);
  seen.title = await page.title();
  await made.close();
}

await browser.close();
console.log(JSON.stringify(seen));
