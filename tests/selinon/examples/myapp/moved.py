"""The same app on asyncflow."""

import asyncflow_selinon.as_selinon  # noqa: F401

# isort: split

from myapp.app import app  # noqa: F401
