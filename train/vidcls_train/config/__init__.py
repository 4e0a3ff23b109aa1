"""Everything that decides a run: settings, presets and recipes."""
