"""Names of Selinon that mean nothing any more: they can be imported, and say so when they are used."""

from __future__ import annotations

from typing import Any, NoReturn

from asyncflow_selinon.errors import GoneError


class Gone:
    """Stands for a class of Selinon; `instead` says what to do without it."""

    def __init__(self, name: str, instead: str) -> None:
        vars(self).update(_name=name, _instead=instead)

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        self._refuse()

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse()

    def __mro_entries__(self, bases: tuple[type, ...]) -> NoReturn:
        self._refuse()

    def __repr__(self) -> str:
        return f"<selinon.{self._name}, which asyncflow does not have>"

    @property
    def refusal(self) -> str:
        return f"asyncflow has no selinon.{self._name}: {self._instead}"

    def _refuse(self) -> NoReturn:
        raise GoneError(self.refusal)


Dispatcher = Gone(
    "Dispatcher",
    "flows are dispatched by `asyncflow serve`, not on workers. To limit how long a flow may take, give it a `timeout`",
)
Executor = Gone("Executor", "`asyncflow run FLOW` runs flows without a broker, and asyncflow.testing simulates them")
Migrator = Gone("Migrator", "let the runs of a flow end before you change its edges; see docs/from-selinon.md")
SelinonTaskEnvelope = Gone("SelinonTaskEnvelope", "Config.set_celery_app registers what runs tasks on workers")
Storage = Gone("Storage", "read what is configured with asyncflow.config.load")
System = Gone("System", "check configurations with `asyncflow check`, and read them with asyncflow.config.load")
SystemState = Gone("SystemState", "the state of a run is shown by `asyncflow status RUN`")
