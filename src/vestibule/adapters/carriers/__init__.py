"""Those who carry messages: SMS carriers, a mail server, the console."""
