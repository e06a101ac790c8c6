"""Paths and kinds as people read them."""

from app.config.tree import Array, Object, Scalar, kind, step


def test_a_path_reads_like_code() -> None:
    assert step(step(step("", "mcpServers"), "my-files"), 0) == "mcpServers.my-files[0]"
    assert step("mcpServers", 'a "b" c') == 'mcpServers["a \\"b\\" c"]'
    assert step("a", "x\x1b") == 'a["x\\x1b"]'


def test_every_node_has_a_kind_without_its_value() -> None:
    scalars = [Scalar(value, "", 1) for value in (None, True, "x", 1, 1.5)]
    assert [kind(node) for node in (*scalars, Array((), 1), Object((), 1))] == [
        "null",
        "a boolean",
        "a string",
        "a number",
        "a number",
        "a list",
        "an object",
    ]
