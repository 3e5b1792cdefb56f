/** The staff board: the day's visits as they change. */
import { chime, fill, live, oneAtATime, texts, unlockSound } from "./live.js";
import { freshen, keepTimes, soundSwitch } from "./parts.js";

const base = document.getElementById("board").dataset.base;
const words = texts("board-texts");
const $ = (id) => document.getElementById(id);

const sound = soundSwitch($("sound"), $("sound-state"), words, { unlock: unlockSound, chime });
keepTimes(words);
let waiting = look();

/** Title and sound follow who waits. @returns how many do */
function look() {
  const number = Number($("part-numbers").dataset.waiting);
  document.title = number ? `${fill(words.waiting_title, { n: number })} · ${words.title}` : words.title;
  return number;
}

const refresh = oneAtATime(async () => {
  const status = await freshen(`${base}/board/parts`);
  if (status === 401) location.reload();
  if (status !== 200) return;
  const now = look();
  if (now > waiting) { $("heard").textContent = words.more; if (sound.on) chime(); }
  waiting = now;
  await new Promise((done) => setTimeout(done, 250));  // a busy minute is many events; four looks a second are enough
});

live(`${base}/board/live`, {
  onEvent: refresh, onAgain: refresh,
  onDelayed: (yes) => { $("delayed").hidden = !yes; },
  onOver: () => location.reload(),
});
$("board").dataset.ready = "yes";
