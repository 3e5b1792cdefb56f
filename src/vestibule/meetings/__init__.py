"""Where a visit takes place: in the built-in room, or in a meeting elsewhere, made there, watched from here, and settled by its report."""
