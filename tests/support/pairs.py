"""The four cells of the bridge: a client of either era over a server of either."""

import pytest

# L: legacy, M: modern; the client's era and a server of a house that has one `old` and one `new`, of one era each.
PAIRS = {"L-L": ("legacy", "old"), "M-M": ("modern", "new"), "M-L": ("modern", "old"), "L-M": ("legacy", "new")}
each_pair = pytest.mark.parametrize(("era", "server"), [pytest.param(*pair, id=name) for name, pair in PAIRS.items()])
