"""The predicates that every configuration knows, under the camelCase names that Selinon gave them.

A predicate is a plain function. The engine fills its parameters `message` (the result of a source) and
`node_args`; the others are arguments of the condition. What cannot be looked at, because a path leads nowhere
or a type does not fit, makes a predicate false, never an error.

Those on a result are written out; each has a twin on the node args, made by `of_node_args`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from asyncflow.model.condition import BuiltIns
from asyncflow.predicates import constants, fields, lengths, outside, selinon, urls, values
from asyncflow.predicates.arguments import of_node_args


def _by_name(predicates: Iterable[Callable[..., bool]]) -> Mapping[str, Callable[..., bool]]:
    return MappingProxyType({predicate.__name__: predicate for predicate in predicates})


def _with_twins(predicates: Iterable[Callable[..., bool]]) -> Mapping[str, Callable[..., bool]]:
    return _by_name(each for predicate in predicates for each in (predicate, of_node_args(predicate)))


_ON_RESULTS = (*values.PREDICATES, *fields.PREDICATES, *lengths.PREDICATES, *urls.PREDICATES)

BUILT_INS = BuiltIns(
    pure=MappingProxyType({**_by_name(constants.PREDICATES), **_with_twins(_ON_RESULTS)}),
    outside=_by_name(outside.PREDICATES),
)

SELINON_1_4 = BuiltIns(
    pure=MappingProxyType({**BUILT_INS.pure, **_with_twins(selinon.PREDICATES)}),
    outside=BUILT_INS.outside,
)
"""The same, but `empty` and `fieldLenGreaterEqual`, and their twins, mean what they meant in Selinon 1.4."""
