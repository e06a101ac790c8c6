"""Where a stdio server's command is looked for.

Pure. Our own programs (`uvx`, Node where it was set up) come last, so that they replace none of the user's.
"""

# Below the environment that Python runs in: its programs, and Node's.
OWN = ("bin", "node")
# What a search without PATH looks through.
DEFAULT = "/bin:/usr/bin"


def search_path(path: str | None, prefix: str) -> str:
    """PATH with our own programs behind it. `path`: the user's; `prefix`: that of our Python environment."""
    given = (path or DEFAULT).split(":")
    own = (f"{prefix}/{folder}" for folder in OWN)
    return ":".join([*given, *(folder for folder in own if folder not in given)])
