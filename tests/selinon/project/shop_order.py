"""Written for Selinon: starts the flow, and prints its id."""

import json
import sys

from selinon import run_flow
from shop_app import app  # noqa: F401

print(run_flow("shop", json.loads(sys.argv[1])))  # noqa: T201
