"""MCP Proxy: one authenticated endpoint in front of many Model Context Protocol servers."""
