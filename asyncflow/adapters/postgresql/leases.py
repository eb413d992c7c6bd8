"""Leases in PostgreSQL. Time is the server's own: no clock of a dispatcher counts."""

from __future__ import annotations

from asyncflow.adapters.rows import Row
from asyncflow.ports import Lease

ACQUIRE = """
INSERT INTO leases AS held (partition, owner, epoch, expires)
VALUES (%(partition)s, %(owner)s, 1, clock_timestamp() + make_interval(secs => %(ttl)s))
ON CONFLICT (partition) DO UPDATE
SET owner = excluded.owner, epoch = held.epoch + 1, expires = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE held.owner = excluded.owner OR held.expires <= clock_timestamp()
RETURNING epoch
"""

# Rows are locked in the order in which commits lock them, so that neither waits for the other in a circle.
_OURS = """
SELECT leases.partition FROM leases JOIN unnest(%(partitions)s::text[], %(epochs)s::bigint[]) AS held (partition, epoch)
    ON leases.partition = held.partition AND leases.epoch = held.epoch
ORDER BY leases.partition FOR UPDATE OF leases
"""
RENEW = f"""
WITH ours AS MATERIALIZED ({_OURS})
UPDATE leases SET expires = clock_timestamp() + make_interval(secs => %(ttl)s)
FROM ours WHERE leases.partition = ours.partition RETURNING leases.partition
"""
RELEASE = f"""
WITH ours AS MATERIALIZED ({_OURS})
UPDATE leases SET expires = clock_timestamp(), owner = '', epoch = epoch + 1
FROM ours WHERE leases.partition = ours.partition
"""
HELD = """
SELECT partition, owner, epoch, extract(epoch FROM expires - clock_timestamp())::float8 FROM leases
WHERE expires > clock_timestamp() ORDER BY partition
"""


def to_lease(row: Row) -> Lease:
    partition, owner, epoch, seconds_left = row
    return Lease(partition=partition, owner=owner, epoch=epoch, seconds_left=seconds_left)
