"""The tasks of the dinner, of the two flows of the start page, and of the cyclic diamond."""

import json
import os
from pathlib import Path

from selinon import FatalTaskError, SelinonTask


def write_down(task):
    """What ran, and who its parents were: for the tests."""
    with (Path(os.environ["MYAPP_FOLDER"]) / "ran").open("a") as ran:
        ran.write(json.dumps([task.task_name, task.task_id, task.parent]) + "\n")


class Buy(SelinonTask):
    def run(self, node_args):
        if (Path(os.environ["MYAPP_FOLDER"]) / f"no-{self.task_name}").exists():
            raise FatalTaskError(f"{self.task_name}: sold out")
        return {"bought": self.task_name}


class BuyEggsTask(Buy):
    pass


class BuyFlourTask(Buy):
    pass


class BuyFlowerTask(Buy):
    pass


class BuyAllRemainingTask(Buy):
    pass


class OrderPizzaTask(SelinonTask):
    def run(self, node_args):
        return None


class OrderBeerTask(SelinonTask):
    def run(self, node_args):
        return {"degrees": self.storage.settings["temperature"]}


class WarmUpOvenTask(SelinonTask):
    def run(self, node_args):
        before = self.parent_task_result("WarmUpOvenTask")["temperature"] if self.parent else 0
        return {"temperature": min(before + 100, self.storage.settings["max_temperature"])}


class MakeDoughTask(SelinonTask):
    def run(self, node_args):
        return None


class BakeTask(SelinonTask):
    def run(self, node_args):
        return {"baked at": self.parent_task_result("WarmUpOvenTask")["temperature"]}


class ServePlateTask(SelinonTask):
    def run(self, node_args):
        return None


class Task1(SelinonTask):
    """In the cyclic diamond, the third round is one too many."""

    def run(self, node_args):
        write_down(self)
        if self.flow_name == "patterns_diamond_flow1":
            rounds = sorted((Path(os.environ["MYAPP_FOLDER"])).glob("round-*"))
            if len(rounds) == 2:
                raise FatalTaskError("enough")
            (Path(os.environ["MYAPP_FOLDER"]) / f"round-{len(rounds)}").touch()
        return {"foo": node_args["result"]} if node_args else None


class Task2(SelinonTask):
    def run(self, node_args):
        write_down(self)


class Task3(Task2):
    pass


class Task4(Task2):
    pass


class Task5(Task2):
    pass
