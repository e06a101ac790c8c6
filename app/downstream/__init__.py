"""Ring 5, the side of the clients. Litestar lives here and only here; servers are reached through `gateway` alone."""
