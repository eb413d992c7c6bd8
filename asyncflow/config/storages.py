"""Storages and their caches, as the nodes file declares them."""

from __future__ import annotations

from asyncflow.config.fields import Fields, read_fields
from asyncflow.config.kinds import is_whole
from asyncflow.config.report import known_or_meant
from asyncflow.config.scope import Scope
from asyncflow.config.sections import CACHE, STORAGE
from asyncflow.config.tree import Table
from asyncflow.model.flow import Cache, Storage

_CACHES = ("FIFO", "LIFO", "LRU", "MRU", "RR")
_CACHES_MODULE = "selinon.caches"


def read_storage(table: Table, scope: Scope) -> Storage | None:
    fields = read_fields(STORAGE, table, scope.report)
    name = fields.get("name")
    if name is None or scope.storages.get(name) != fields.place("name"):
        return None  # without a name, or a second storage of that name: reported already
    return Storage(
        name=name,
        module=fields.get("import", ""),
        classname=fields.get("classname", name),
        configuration=fields.get("configuration"),
        cache=read_cache(fields, scope),
    )


def read_cache(fields: Fields, scope: Scope) -> Cache | None:
    """The cache of a storage; without `max_cache_size` it keeps nothing, as in Selinon."""
    found = fields.get("cache")
    if not isinstance(found, Table):
        return None
    cache = read_fields(CACHE, found, scope.report)
    name, module = cache.get("name", "LRU"), cache.get("import", _CACHES_MODULE)
    options = cache.get("configuration", {})
    if module == _CACHES_MODULE:
        if name not in _CACHES:
            hint = known_or_meant(name, _CACHES) + "; for one of your own add `import`"
            scope.report.add("F224", f"no cache is named `{name}`", cache.place("name"), hint=hint)
        for key in options:
            size = options[key]
            if key != "max_cache_size":
                hint = "it takes `max_cache_size`"
                scope.report.add("F224", f"a cache takes no `{key}`", options.key_place(key), hint=hint)
            elif not is_whole(size) or size < 0:
                message = "`max_cache_size` must be a whole number, 0 or more"
                scope.report.add("F224", message, options.place_at(key))
    return Cache(name=name, module=module, options=options)
