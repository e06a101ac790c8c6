"""Ring 3, I/O towards MCP servers. The only ring that imports the `mcp` SDK."""
