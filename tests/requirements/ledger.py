"""Every MUST of revision 2026-07-28 that binds a server or an intermediary, and the tests that prove it.

The pages are those of the transports, the patterns, the server features and caching, and what they build on. Each test
carries the ids that it proves (`@pytest.mark.requirement`), and `test_ledger.py` compares the two: a requirement that
has no test fails, and so does a test that names none. The gateway is a client too, of the servers behind it: what it
owes them is here. `sentences.txt` has every sentence with a MUST, and what of this it is, or why it is none of ours.
"""

from tests.requirements.features import FEATURES
from tests.requirements.patterns import PATTERNS
from tests.requirements.requirement import Requirement
from tests.requirements.transports import TRANSPORTS

LEDGER: dict[str, Requirement] = TRANSPORTS | PATTERNS | FEATURES
