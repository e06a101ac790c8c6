"""MCP Proxy: one authenticated endpoint in front of many Model Context Protocol servers."""

__version__ = "0.1.0"
"""As in pyproject.toml (a test compares)."""
