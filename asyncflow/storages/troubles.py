"""Which exceptions of a storage mean that it cannot be reached now, and which that it has no such record.

Drivers' exceptions are known by the names of their classes, so that no driver need be imported: storages of your own,
and those written for Selinon, bring drivers that we have never seen.
"""

from __future__ import annotations

import errno
import socket

from asyncflow.errors import ConnectionFailedError

_PASSING = frozenset(
    {
        "ClusterDownError",  # redis
        "ConnectionClosed",  # websockets, aio-pika
        "ConnectionError",  # redis, requests, botocore, elasticsearch
        "ConnectionFailure",  # pymongo
        "DisconnectionError",  # SQLAlchemy
        "HTTPClientError",  # botocore
        "InterfaceError",  # psycopg2, asyncpg, SQLAlchemy: mostly a closed connection
        "MasterDownError",  # redis
        "NotPrimaryError",  # pymongo
        "OperationalError",  # every DB-API driver, SQLAlchemy
        "OutOfMemoryError",  # redis
        "ReadOnlyError",  # redis: a replica, while another one takes over
        "TimeoutError",  # redis, SQLAlchemy
        "TransportError",  # httpx, elasticsearch
        "TryAgainError",  # redis
    }
)

_MISSING = frozenset({"NoResultFound", "SelinonMissingDataException"})

_PASSING_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EDQUOT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EIO,
        errno.EMFILE,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENFILE,
        errno.ENOSPC,
        errno.ENOTCONN,
        errno.EROFS,
        errno.ESTALE,
    }
)


def is_passing(error: BaseException) -> bool:
    """Whether waiting and trying again may help."""
    if isinstance(error, ConnectionError | TimeoutError | ConnectionFailedError | socket.gaierror):
        return True
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return True
    return not _PASSING.isdisjoint(_names(error))


def is_missing(error: BaseException) -> bool:
    """Whether a storage says that it has no such record."""
    return isinstance(error, FileNotFoundError) or not _MISSING.isdisjoint(_names(error))


def _names(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]
