"""The one clock that decides, the database's, and the turnstile between readings and endings.

A reading that is under way when an ending begins finishes first, with an earlier time in the history;
one that comes later waits the moment that the ending takes, and is refused. Readings never wait for
one another: a shared advisory lock against an exclusive one, both for the transaction.
"""

from datetime import datetime

from django.db import connection

#: The advisory lock's number: 16 January 2023, on which the statement's operator stopped the access.
TURNSTILE = 20230116


def database_now() -> datetime:
    """The database's clock, an aware datetime."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


def enter_to_read() -> datetime:
    """Keeps endings out until the transaction is over, and says what time it is. To be called before the decision
    is asked, which asks the clock itself.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s), clock_timestamp()", [TURNSTILE])
        return cursor.fetchone()[1]


def be_patient() -> None:
    """Lets the transaction wait a minute for others: an ending outlasts any lookup, which gives up before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '60s', true)"
        )


def time_of_ending() -> datetime:
    """Waits for the readings under way, keeps others out, and says what time it is then.

    What ends at that moment, in this transaction, ends after every disclosure that it does not stop.
    Rows of emergencies and contracts are locked before: whoever waits for one of them keeps no reader out.
    """
    be_patient()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s), clock_timestamp()", [TURNSTILE])
        return cursor.fetchone()[1]
