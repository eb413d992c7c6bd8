"""A process that uses a storage, and then forks, as Celery's prefork pool does: `python forking.py STORAGE`."""

from __future__ import annotations

import json
import os
import sys

from asyncflow.model.flow import Storage, Task, TaskKind
from asyncflow.model.names import FlowName, NodeName, TaskId
from asyncflow.storages import OpenStorage, open_storage

FLOW = FlowName("dinner")
TASK = Task(name=NodeName("BuyEggs"), kind=TaskKind.FLOW, storage="Results")


def use(storage: OpenStorage, who: str) -> None:
    """On a connection that several processes share, answers would go astray."""
    for number in range(30):
        id = TaskId(f"{who}-{number}")
        storage.store(TASK, FLOW, id, None, id)
        assert storage.retrieve(TASK, FLOW, id) == id


def main() -> int:
    storage = open_storage(Storage(**json.loads(sys.argv[1])), environ={})
    storage.store(TASK, FLOW, TaskId("parent"), None, "parent")
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            failed = 1
            try:
                use(storage, f"child {number}")
                failed = 0
            finally:
                os._exit(failed)
        children.append(child)
    use(storage, "parent")
    return sum(os.waitpid(child, 0)[1] for child in children)


if __name__ == "__main__":
    sys.exit(main())
