// Keeps a meeting's page fresh. While its stream is open whoever looks at it sits in the meeting.
const stream = new EventSource(document.body.dataset.stream);
let asked = 0;

async function swap() {
  const mine = ++asked;
  const answer = await fetch(location.href);
  const text = await answer.text();
  if (mine !== asked) return; // a later one is on its way
  const fresh = new DOMParser().parseFromString(text, "text/html");
  if (fresh.body.dataset.state !== document.body.dataset.state) {
    stream.close();
    location.reload();
    return;
  }
  for (const part of document.querySelectorAll("[data-part]")) {
    const next = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (next && next.outerHTML !== part.outerHTML) part.replaceWith(document.adoptNode(next));
  }
}

stream.addEventListener("message", () => swap().catch(() => {})); // the hospital is away; the stream tells when it is back
