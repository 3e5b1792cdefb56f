"""The sockets on which appointments arrive: MLLP and its HTTPS twin."""
