// Times and waiting: adds the reader's own time where it differs from the clinic's, counts down, and notices when the page has news.

const CHECK_EVERY = 45_000; // ms between looks at whether the link says something else by now
const sameZone = (at, written) => {
  const here = new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" }).format(at).replace(/\s/gu, " ");
  const words = written.replace(/\s/gu, " "), place = words.lastIndexOf(here);
  return place >= 0 && !/\d/u.test(words.charAt(place - 1)); // "11:05 PM" does not say 1:05 PM
};

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime()) || sameZone(at, time.textContent)) continue;
  const own = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", hour: "numeric", minute: "2-digit", timeZoneName: "short" }).format(at);
  if (!time.dataset.zone) {
    time.textContent = own;
  } else {
    const line = document.createElement("span");
    line.className = "here";
    line.textContent = `${own} ${time.dataset.tHere ?? ""}`.trim();
    time.parentElement.append(line);
  }
}

const countdown = document.querySelector(".countdown[data-until]");
if (countdown) {
  // The server's clock decides: a telephone set wrong by an hour must not wait an hour too long.
  const ahead = Date.now() - Date.parse(countdown.dataset.now);
  const until = Date.parse(countdown.dataset.until);
  const left = countdown.querySelector("[data-left]");
  const unit = (name, n) => new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: name, unitDisplay: "long" }).format(n);
  const tick = () => {
    const seconds = Math.ceil((until - (Date.now() - ahead)) / 1000);
    if (seconds <= 0) {
      location.reload();
      return;
    }
    const days = Math.floor(seconds / 86_400), hours = Math.floor(seconds / 3600) % 24, minutes = Math.floor(seconds / 60) % 60;
    const parts = days ? [unit("day", days), unit("hour", hours)]
      : hours ? [unit("hour", hours), unit("minute", minutes)]
      : minutes ? [unit("minute", minutes), unit("second", seconds % 60)]
      : [unit("second", seconds)];
    left.textContent = parts.join(" ");
    countdown.classList.add("ticking");
    setTimeout(tick, 1000 - ((Date.now() - ahead) % 1000));
  };
  tick();
}

const link = document.getElementById("link");
if (link && link.dataset.state !== "unknown") {
  setInterval(async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-store" });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("link");
      if (fresh && (fresh.dataset.state !== link.dataset.state || fresh.dataset.starts !== link.dataset.starts)) location.reload();
    } catch {
      // no network for the moment; the next look will tell
    }
  }, CHECK_EVERY);
}
