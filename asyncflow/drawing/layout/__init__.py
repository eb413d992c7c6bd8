"""Layered layout: cells and arcs between them get ranks, an order within each rank, places, and routes.

Every arc leads downwards, from the bottom of a cell to the top of another. One that closes a cycle leaves at the bottom
too, turns, climbs beside what it goes round, turns again and arrives at the top.
"""

from asyncflow.drawing.layout.columns import columns_of
from asyncflow.drawing.layout.lattice import Lattice, Plan, lattice_of
from asyncflow.drawing.layout.order import ordered
from asyncflow.drawing.layout.ports import Ports
from asyncflow.drawing.layout.routes import routes_of
from asyncflow.drawing.layout.rows import Rows, rows_of

__all__ = ["Lattice", "Plan", "Ports", "Rows", "columns_of", "lattice_of", "ordered", "routes_of", "rows_of"]
