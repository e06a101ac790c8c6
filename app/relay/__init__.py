"""Ring 1, the sans-I/O machines: events in, effects out. Imports `protocol` only; knows no socket and no clock."""
