"""Pages and files that are printed from the code, so that they cannot disagree with it."""
