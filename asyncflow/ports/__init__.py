"""What the dispatcher needs of the world. Adapters fulfil it; tests and Simulation have their own.

Every method raises only the errors named in its docstring; adapters translate what their libraries raise.
"""

from asyncflow.ports.broker import Broker, CommonHeaders, Delivery, Headers, Message, Published
from asyncflow.ports.clock import Clock
from asyncflow.ports.codec import Codec, Completion, Progress
from asyncflow.ports.leases import Lease, Leases
from asyncflow.ports.line import Line
from asyncflow.ports.records import (
    Advance,
    Attempt,
    Batch,
    Entry,
    Outstanding,
    RunHeader,
    Tail,
    Verdict,
)
from asyncflow.ports.results import Results
from asyncflow.ports.store import Store

__all__ = [
    "Advance",
    "Attempt",
    "Batch",
    "Broker",
    "Clock",
    "Codec",
    "CommonHeaders",
    "Completion",
    "Delivery",
    "Entry",
    "Headers",
    "Lease",
    "Leases",
    "Line",
    "Message",
    "Outstanding",
    "Progress",
    "Published",
    "Results",
    "RunHeader",
    "Store",
    "Tail",
    "Verdict",
]
