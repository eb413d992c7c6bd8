"""The configuration that settings name, for running it, and where users' modules are found."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from asyncflow import config
from asyncflow.app.reading import refuse_none
from asyncflow.app.settings import Settings
from asyncflow.model.flow import Configuration
from asyncflow.predicates import BUILT_INS, SELINON_1_4
from asyncflow_selinon import aliases as selinon_names


def load_configuration(settings: Settings) -> config.Loaded:
    """Raises ConfigurationError with every problem; imports no user code but the `predicates_module`."""
    refuse_none(settings)
    make_importable(settings)
    return config.load(
        settings.config,
        builtins=BUILT_INS,
        selinon_builtins=SELINON_1_4,
        environ=settings.environ,
        importer=importlib.import_module,
    )


def make_importable(settings: Settings) -> None:
    """Let users' modules be found where they expect it: in the working directory and beside the configuration.

    Where the real Selinon is not installed, modules that import it get its names from asyncflow_selinon.
    """
    selinon_names.install(first=False)
    folders = [Path.cwd(), *(path if path.is_dir() else path.parent for path in settings.config)]
    for folder in map(str, (folder.resolve() for folder in folders)):
        if folder not in sys.path:
            sys.path.append(folder)


def task_queues(configuration: Configuration) -> list[str]:
    """The queues that workers of a configuration listen on."""
    return sorted({task.queue for task in configuration.tasks.values()})
