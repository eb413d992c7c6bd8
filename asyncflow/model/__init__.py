"""Values: what a configuration says and what happens to a run. Frozen; nothing here does anything."""
