"""Importing this module makes `import selinon` mean asyncflow_selinon, whether Selinon is installed or not.

It must come before anything that imports selinon: put it first in the module of the Celery app. Where the real Selinon
has been imported already, this raises ImportError.
"""

from asyncflow_selinon.aliases import install

install(first=True)
