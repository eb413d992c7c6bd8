"""Every code that a problem can have, with its explanation. A code never changes its meaning.

F1 files and YAML, F2 keys, tasks, storages and global, F3 flows and edges, F4 conditions, F5 failures,
F6 what can never happen or never ends, F7 functions, F8 schedules.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from asyncflow.config.rules import conditions, declarations, flows, reach, schedules, text
from asyncflow.config.rules.rule import Rule

CODES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.code: rule
        for rules in (text.RULES, declarations.RULES, flows.RULES, conditions.RULES, reach.RULES, schedules.RULES)
        for rule in rules
    }
)
