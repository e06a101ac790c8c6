"""Ring 4, lifetimes and state: the live upstreams of a snapshot, sessions, and the driver that performs effects."""
