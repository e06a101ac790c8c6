"""Enters the SDK's packages without what their package files load: servers, starlette, httpx2, cryptography.

That is 0.3 s of CPU at start and 15 MB for good, for a client session that touches none of it (docs/performance.md).
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec


def enter() -> None:
    """Put `mcp`, `mcp.client` and `mcp.shared` into `sys.modules` as they lie on disk, their package files not run.

    To be called before anything of `mcp` is imported; where that is loaded already, it stays as it is.
    """
    found = importlib.util.find_spec("mcp")
    roots = found.submodule_search_locations if found else None
    if not roots or "mcp" in sys.modules:
        return
    for name in ("mcp", "mcp.client", "mcp.shared"):
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [roots[0] + name.removeprefix("mcp").replace(".", "/")]
        sys.modules[name] = importlib.util.module_from_spec(spec)
