"""Small things the standard library lacks. Pure: no sockets, SQL, settings or frameworks."""
