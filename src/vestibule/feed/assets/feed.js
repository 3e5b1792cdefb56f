// The live page works without this: it shows how things stood when it was loaded. This keeps it fresh, as long as somebody can see it.
import { freshen } from "../visits/parts.js";

const EVERY = 5_000;
const page = document.getElementById("feed-live");
const old = document.getElementById("feed-old");
let failures = 0;

async function look() {
  if (document.visibilityState === "visible") {
    const status = await freshen(page.dataset.parts);
    if (status === 401) { location.reload(); return; }
    failures = status === 200 ? 0 : failures + 1;
    old.hidden = failures < 2;
  }
  setTimeout(look, EVERY * Math.min(1 + failures, 6));
}

document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") freshen(page.dataset.parts); });
setTimeout(look, EVERY);
page.dataset.ready = "yes";
