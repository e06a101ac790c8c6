"""Ring 0, the grammar of MCP: pure values over bytes, standard library and msgspec only."""
