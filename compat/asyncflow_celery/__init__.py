"""Celery's side of asyncflow: the wire format as pure functions, and what runs on workers."""
