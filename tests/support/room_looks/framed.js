// A page such as the console: the stage among other things, inside somebody else's frame.
const { mountStage } = await import(document.querySelector("script[data-stage]").dataset.stage);
window.stage = mountStage(document.getElementById("stage"), { name: "Dr. Okafor" });
