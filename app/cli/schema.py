"""`schema`: the JSON Schema of the config, for editors."""

import json
from argparse import ArgumentParser, Namespace

from app.cli.show import write_text

SUMMARY = "print the JSON Schema of mcp_config.json"


def add_arguments(parser: ArgumentParser) -> None:
    """It takes none."""


def run(_args: Namespace) -> int:
    """Prints it; always 0."""
    from app.config.json_schema import config_schema

    write_text(json.dumps(config_schema(), indent=2, ensure_ascii=False))
    return 0
