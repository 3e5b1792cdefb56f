/**
 * The video in a window of its own, for frames that deny camera and microphone.
 *
 * The window is opened by a press, before anything is awaited, so that no blocker stops it. The frame's cookies are its own, so
 * the new window comes in with a one-time ticket that this page asks for.
 */

/** Open it, or lead the one that is open there. @returns {Promise<{window: ?Window, url: string}>}; `window` is null when it was blocked */
export async function openOwnWindow(handoff, name) {
  const opened = window.open("about:blank", name, "popup,width=1180,height=780");
  try {
    const answer = await fetch(handoff, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify({ to: "room" }),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const { url } = await answer.json();
    if (opened && !opened.closed) { opened.location.replace(new URL(url, location.href)); return { window: opened, url }; }
    return { window: null, url };
  } catch (error) {
    if (opened) opened.close();
    throw error;
  }
}
