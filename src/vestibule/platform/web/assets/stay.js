// A page of staff left alone. A minute before its session ends it asks whether somebody is there, and when it has ended it says so. What
// people do counts as use; what the page asks by itself does not. Without this the next request says that the session is over.

const dialog = document.getElementById("stay");
const base = dialog.dataset.stay;
const clock = dialog.querySelector("[data-seconds]");
const WARN = 60;
const SHARE = 60_000; // a busy person is reported at most so often
let timer = 0;
let told = performance.now();
let endsAt = 0;
let kept = 0; // grows when somebody says that they are there, and when that is answered: what was asked before says nothing any more

const gone = (why) => location.assign(`/signed-out?why=${why}`);

const ask = async (path, method) => {
  const answer = await fetch(`${base}/${path}`, { method, headers: { Accept: "application/json" } });
  if (answer.status === 401) return gone(dialog.open ? "idle" : "over");
  if (!answer.ok) throw new Error(answer.status);
  const left = (await answer.json()).seconds;
  endsAt = performance.now() + left * 1000;
  return left;
};

const later = (seconds) => {
  clearTimeout(timer);
  timer = setTimeout(look, Math.max(1, Math.min(seconds, 3600)) * 1000);
};

const show = () => {
  const left = Math.max(0, Math.round((endsAt - performance.now()) / 1000));
  clock.textContent = left;
  if (!dialog.open) dialog.showModal();
  if (left === 0) return later(1);
  clearTimeout(timer);
  // Every ten seconds another window may have been used; in between only the figure changes.
  timer = setTimeout(left % 10 === 0 ? look : show, 1000);
};

const look = async () => {
  const before = kept;
  let left;
  try {
    left = await ask("session", "GET");
  } catch {
    return later(30); // no network: the server decides when it is back
  }
  if (left === undefined || before !== kept) return undefined;
  if (left <= WARN) return show();
  if (dialog.open) dialog.close();
  return later(left - WARN);
};

const stay = async () => {
  told = performance.now();
  kept += 1;
  clearTimeout(timer); // the next figure would open the dialog again
  if (dialog.open) dialog.close();
  try {
    const left = await ask("keep-alive", "POST");
    if (left === undefined) return;
    kept += 1;
    if (dialog.open) dialog.close();
    later(left - WARN);
  } catch {
    later(30);
  }
};

dialog.querySelector("[data-keep]").addEventListener("click", stay);
dialog.addEventListener("cancel", (event) => {
  event.preventDefault();
  stay();
});
for (const deed of ["pointerdown", "keydown"]) {
  addEventListener(deed, () => !dialog.open && performance.now() - told > SHARE && stay(), { passive: true });
}
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
addEventListener("pageshow", (event) => event.persisted && look());
look();
