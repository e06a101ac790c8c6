"""The one exception of the start: why the gateway does not run, in words for the person who started it."""

CONFIGURATION = 2
"""Exit code: what was asked for cannot be had; starting again changes nothing."""


class StartError(Exception):
    """`problems` are public lines, each complete in itself and naming the variable that changes it."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
