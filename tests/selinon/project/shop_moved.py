"""The same app on asyncflow: one line before it."""

import asyncflow_selinon.as_selinon  # noqa: F401

# isort: split

from shop_app import app  # noqa: F401
