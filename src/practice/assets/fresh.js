// Keeps a page fresh: asks whether something happened, then swaps only the parts that changed.
const address = () => document.querySelector("[data-next]")?.dataset.next ?? document.body.dataset.fresh;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const longPoll = address().includes("wait=");
let seen = longPoll ? "[]" : null;

async function swap() {
  const text = await (await fetch(location.href)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (next && next.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(next));
  }
}

for (;;) {
  try {
    const news = await (await fetch(address())).text();
    if (news !== seen) await swap(); // the first time too: something may have happened since the page was written
    seen = longPoll ? "[]" : news;
  } catch {
    await pause(3000); // the hospital is away; it keeps its data
  }
  await pause(longPoll ? 100 : 1500);
}
