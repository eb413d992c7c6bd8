"""Called by the dispatcher."""


def iter_guests(storage_pool, node_args):
    return ["Ann", "Ben", "Cleo"]
