"""The size law: 250 lines is long, 400 is a failure. (50 statements a function: ruff's PLR0915.)"""

from tests.architecture.tree import python_files, relative

LIMIT = 400


def test_no_file_is_longer_than_400_lines() -> None:
    files = [path for folder in ("app", "scripts", "tests") for path in python_files(folder)]
    lengths = {relative(path): len(path.read_text().splitlines()) for path in files}
    assert lengths
    assert {path: length for path, length in lengths.items() if length > LIMIT} == {}
