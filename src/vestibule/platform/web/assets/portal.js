// The portal's pages work without this. It adds: copying, and leading the eye to the list of mistakes.

const said = document.createElement("div");
said.className = "toasts";
said.setAttribute("role", "status");
document.body.append(said);

const tell = (words) => {
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = words;
  said.replaceChildren(toast);
  setTimeout(() => toast.remove(), 4000);
};

const textOf = (target) => target.value ?? target.textContent;

const copy = async (target) => {
  try {
    await navigator.clipboard.writeText(textOf(target));
  } catch {
    // No clipboard on plain http, or not allowed: the old way, on a selection.
    const lender = target.select ? target : Object.assign(document.createElement("textarea"), { value: textOf(target) });
    if (lender !== target) document.body.append(lender);
    lender.select();
    document.execCommand("copy");
    if (lender !== target) lender.remove();
  }
};

for (const button of document.querySelectorAll("button[data-copy]")) {
  const target = document.getElementById(button.dataset.copy);
  if (!target) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(target);
    button.focus();
    tell(button.dataset.done);
  });
}

for (const line of document.querySelectorAll(".copyable input[readonly]")) line.addEventListener("focus", () => line.select());

document.querySelector(".mistakes")?.focus();

// A form that asks another system takes a while; a second press would ask twice.
for (const form of document.querySelectorAll("form[data-slow]")) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter ?? form.querySelector("button:not([type=button])");
    if (!button || button.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    button.setAttribute("aria-busy", "true");
  });
}
addEventListener("pageshow", () => document.querySelectorAll("[aria-busy=true]").forEach((button) => button.removeAttribute("aria-busy")));
