// A page such as the lobby: the device check with everything it can drive.
window.devicesUrl = document.querySelector("script[data-devices]").dataset.devices;
const { checkDevices } = await import(window.devicesUrl);
const at = (id) => document.getElementById(id);
window.check = checkDevices(
  { preview: at("preview"), meter: at("meter"), speakerButton: at("play"), help: at("help"), camera: at("camera"), microphone: at("microphone"), speaker: at("speaker") },
  { onResult: (result) => { window.result = result; } },
);
window.check.start();
