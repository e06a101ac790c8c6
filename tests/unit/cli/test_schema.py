"""`schema`."""

import json

from app.config.json_schema import config_schema
from tests.unit.cli.conftest import Shell


def test_it_prints_the_schema_as_json(shell: Shell) -> None:
    done = shell.app("schema")
    assert done.code == 0
    assert json.loads(done.out) == config_schema()
