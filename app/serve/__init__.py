"""The processes: launcher, gunicorn's arbiter, the worker, and how they speak of each other. Imports any ring."""
