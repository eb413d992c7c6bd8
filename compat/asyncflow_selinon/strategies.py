"""The names of Selinon's sampling strategies. Nothing polls any more, so there is nothing left for them to say."""

from __future__ import annotations

from asyncflow_selinon.gone import Gone

_INSTEAD = "flows go on when their tasks report, so that there are no intervals to choose"

biexponential_adapt = Gone("strategies.biexponential_adapt", _INSTEAD)
biexponential_decrease = Gone("strategies.biexponential_decrease", _INSTEAD)
biexponential_increase = Gone("strategies.biexponential_increase", _INSTEAD)
constant = Gone("strategies.constant", _INSTEAD)
linear_adapt = Gone("strategies.linear_adapt", _INSTEAD)
linear_increase = Gone("strategies.linear_increase", _INSTEAD)
random = Gone("strategies.random", _INSTEAD)
