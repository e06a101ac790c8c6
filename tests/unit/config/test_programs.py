"""Where the commands of stdio servers are looked for."""

import pytest

from app.config.programs import search_path


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/usr/bin:/bin", "/usr/bin:/bin:/env/bin:/env/node"),
        ("/env/bin:/bin", "/env/bin:/bin:/env/node"),
        ("", "/bin:/usr/bin:/env/bin:/env/node"),
        (None, "/bin:/usr/bin:/env/bin:/env/node"),
    ],
)
def test_our_own_programs_come_last_and_once(path: str | None, found: str) -> None:
    assert search_path(path, "/env") == found
