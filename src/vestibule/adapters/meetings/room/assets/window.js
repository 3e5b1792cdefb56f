/** The room in a window of its own: mounts the stage, or waits for it. */
const stage = document.getElementById("stage");
const closed = document.querySelector(".room-closed");

async function post(url) {
  return fetch(url, { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: "{}" });
}

async function enter() {
  const { mountStage } = await import("./stage.js");
  mountStage(stage, {
    onOver: (why) => { if (why === "put_back" || why === "held" || why === "ended") setTimeout(() => location.reload(), 1500); },
    onLeave: () => { post(stage.dataset.leave).finally(() => window.close()); },
    onEnd: stage.dataset.end ? () => post(stage.dataset.end) : null,
  });
}

/** Ask now and then whether we are in; the answer says nothing else until then. */
async function wait() {
  const answer = await fetch(closed.dataset.relay, { credentials: "same-origin", headers: { Accept: "application/json" }, cache: "no-store" }).catch(() => null);
  if (answer && (answer.ok || answer.status === 410 || answer.status === 401)) location.reload();
  else setTimeout(wait, 3000);
}

if (stage) enter(); else if (closed) setTimeout(wait, 3000);
