// Sends the form that takes an answer back to the app; without scripts a person presses its button.
document.querySelector("#back").submit();
