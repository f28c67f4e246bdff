"""The indexes of searches, while very many customers are put in: built once afterwards they cost a fraction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection

from customers.models import Customer

#: The indexes that lookups need and a load does not.
OF_SEARCHES = Customer._meta.indexes


@contextmanager
def built_afterwards(built: Callable[[int], object] = lambda done: None) -> Iterator[None]:
    """Takes OF_SEARCHES away for the block, and builds them after it, in the caller's transaction.

    built: is called after each with how many there are again.
    """
    with connection.schema_editor(atomic=False) as editor:
        for index in OF_SEARCHES:
            editor.remove_index(Customer, index)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
    with connection.schema_editor(atomic=False) as editor:
        for done, index in enumerate(OF_SEARCHES, 1):
            editor.add_index(Customer, index)
            built(done)
