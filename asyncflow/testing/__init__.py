"""What users test their flows with: no broker, no worker, no waiting."""

from asyncflow.model.run import Status, TaskError
from asyncflow.testing.nodes import PendingNode
from asyncflow.testing.runs import SimulatedRun
from asyncflow.testing.simulation import Simulation

__all__ = ["PendingNode", "SimulatedRun", "Simulation", "Status", "TaskError"]
