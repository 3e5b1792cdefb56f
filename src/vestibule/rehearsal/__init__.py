"""A synthetic visit over the real path, step by step, so that what is broken is found before a patient meets it."""
