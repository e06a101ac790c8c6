"""nginx in front: its configuration from typed settings. Pure; starts nothing, reads no file."""
