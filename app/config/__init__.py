"""Ring 2, text to `Snapshot`: pure functions over bytes and an environment mapping."""
