"""Selinon's caches, which are asyncflow's: a package only because Selinon's is one."""

from asyncflow.storages.caches import FIFO, LIFO, LRU, MRU, RR

__all__ = ["FIFO", "LIFO", "LRU", "MRU", "RR"]
