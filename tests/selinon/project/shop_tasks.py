"""Written for Selinon, and not changed for asyncflow."""

from selinon import NoParentNodeError, SelinonTask, StoragePool
from selinon.errors import FatalTaskError


def remember(task, what):
    """Count in the task's storage, for the tests; `storage` is None for tasks without one."""
    storage = StoragePool.get_connected_storage("Results")
    return storage._connected().incr(what) if hasattr(storage, "_connected") else storage.conn.incr(what)


class Count(SelinonTask):
    def run(self, node_args):
        self.log.info("counting")
        return {"total": len(node_args["basket"])}


class Double(SelinonTask):
    def run(self, node_args):
        return {"total": 2 * self.parent_task_result("Count")["total"]}


class Never(SelinonTask):
    def run(self, node_args):
        raise FatalTaskError("this must not run")


class PackTask(SelinonTask):
    def run(self, node_args):
        return {"packed": node_args["basket"]}


class Fail(SelinonTask):
    def run(self, node_args):
        remember(self, f"tries of {self.dispatcher_id}")
        raise ValueError("out of paper")


class Rescue(SelinonTask):
    def run(self, node_args):
        raised = self.parent_task_exception("Fail")
        return {"raised": str(raised), "kind": type(raised).__name__}


class Again(SelinonTask):
    def run(self, node_args):
        tries = remember(self, f"tries of {self.task_id}")
        if tries < 3:
            self.retry(countdown=0)
        return {"tries": tries, "same": StoragePool({"Double": self.parent["Double"]}, self.flow_name).get("Double")}


class Sum(SelinonTask):
    def run(self, node_args):
        packed = []
        try:
            while True:
                packed += self.parent_flow_result("packing", "Pack", len(packed) // 5)["packed"]
        except NoParentNodeError:
            return {"packed": len(packed), "storage": type(self.storage).__name__}
