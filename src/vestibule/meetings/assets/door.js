/** A clinician's window on its way to the meeting: ask again until it is there, or have the Teams app open it. */
const AGAIN = 2000;
const door = document.getElementById("door");

if (door.dataset.state === "soon") setTimeout(() => location.reload(), AGAIN);
else document.getElementById("door-app").click();
