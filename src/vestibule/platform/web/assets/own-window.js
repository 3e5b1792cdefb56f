/**
 * A page of this session in a window of its own: for frames that deny camera and microphone, and for pages that refuse frames.
 *
 * The window is opened by a press, before anything is awaited, so that no blocker stops it. The frame's cookies are its own, so
 * the new window comes in with a one-time ticket that this page asks for. It may lead to another site, so it does not get to know us.
 */

/** Open page `to`, or lead the window that is open there. @returns {Promise<{window: ?Window, url: string}>}; `window` is null when it was blocked */
export async function openOwnWindow(handoff, name, to = "room", size = "width=1180,height=780") {
  const opened = window.open("about:blank", name, `popup,${size}`);
  try {
    const answer = await fetch(handoff, {
      method: "POST", credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify({ to }),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const { url } = await answer.json();
    if (opened && !opened.closed) { opened.opener = null; opened.location.replace(new URL(url, location.href)); return { window: opened, url }; }
    return { window: null, url };
  } catch (error) {
    if (opened) opened.close();
    throw error;
  }
}
