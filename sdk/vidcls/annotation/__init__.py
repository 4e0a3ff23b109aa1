"""Videos with what was recognised drawn on them: whole files, written anew."""
