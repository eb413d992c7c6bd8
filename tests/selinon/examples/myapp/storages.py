"""Storages that keep results in a folder which worker and dispatcher share."""

import json
import os
from pathlib import Path

from selinon import DataStorage


class FolderStorage(DataStorage):
    def __init__(self, **settings):
        super().__init__()
        self.settings = settings
        self.folder = None

    def is_connected(self):
        return self.folder is not None

    def connect(self):
        self.folder = Path(os.environ["MYAPP_FOLDER"]) / type(self).__name__
        self.folder.mkdir(parents=True, exist_ok=True)

    def disconnect(self):
        self.folder = None

    def retrieve(self, flow_name, task_name, task_id):
        return json.loads((self.folder / task_id).read_text())["result"]

    def store(self, node_args, flow_name, task_name, task_id, result):
        record = {"flow_name": flow_name, "task_name": task_name, "result": result, "settings": self.settings}
        (self.folder / task_id).write_text(json.dumps(record))
        return task_id


class Basket(FolderStorage):
    pass


class Fridge(FolderStorage):
    pass


class Oven(FolderStorage):
    pass


class Storage1(FolderStorage):
    pass


class Storage2(FolderStorage):
    pass
