"""Where task results are kept: the interface of storages, an adapter a module, and the dispatcher's way to them."""

from asyncflow.storages.interface import DataStorage as DataStorage
from asyncflow.storages.opening import OpenStorage as OpenStorage
from asyncflow.storages.opening import open_storage as open_storage
from asyncflow.storages.results import OpenStorages as OpenStorages
from asyncflow.storages.results import StorageResults as StorageResults
