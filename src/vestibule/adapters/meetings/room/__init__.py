"""The built-in video room: signalling between up to four browsers, relay credentials, presence. Media never comes through here."""
