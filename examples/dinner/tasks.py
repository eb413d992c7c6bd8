"""The tasks of the dinner: some plain Celery tasks, some flow tasks. Nothing in them knows of flows' graphs."""

import time

from celery import Celery

app = Celery("dinner", backend="rpc://", include=["asyncflow_celery.worker"])


@app.task
def invite(guests):
    """A plain Celery task: its return value is the result of the node."""
    names = ["Ada", "Grace", "Barbara", "Margaret", "Frances", "Jean"]
    time.sleep(0.3)
    return {"guests": [names[number % len(names)] for number in range(guests)]}


@app.task
def write_card(table, guests):
    time.sleep(0.1)
    return f"a card for table {table}, {len(guests)} guests"


@app.task
def buy(what, amount):
    time.sleep(0.2)
    return {"bought": what, "amount": amount}


@app.task
def serve(dish, guests):
    time.sleep(0.2)
    return f"{dish} for {', '.join(guests)}"


class Pack:
    """A flow task: any class with run(self, node_args). It reads what its parents returned."""

    def __init__(self, *, parent, **_):
        self.parent = parent

    def run(self, node_args):
        return {"bags": len(self.parent), "for": node_args["guests"]}


class BakePie:
    """Fails, so that the fallback has something to do."""

    def run(self, node_args):
        time.sleep(0.3)
        if node_args.get("oven") != "works":
            raise RuntimeError("the oven is broken")
        return {"dish": "pie"}


class OrderPizza:
    def run(self, node_args):
        time.sleep(0.3)
        return {"dish": "pizza"}


def tables(storage_pool, node_args):
    """A foreach function: one card is written for each item that it yields."""
    guests = storage_pool.get("Invite")["guests"]
    return range(1, len(guests) // 2 + 1)
