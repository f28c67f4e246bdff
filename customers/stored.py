"""The keys that are stored with a customer: what lookups compare with, made of the items by the same functions."""

from typing import NamedTuple

from customers import addresses, normalising


class Keys(NamedTuple):
    """The stored keys of a customer, in the order and by the names of their columns."""

    phone_key: str
    kana_key: str
    kana_tail: str
    name_key: str
    name_tail: str
    town_key: str


def keys(*, name: str, name_kana: str, address: str, phone: str, municipality: str) -> Keys:
    """What a customer with these items is found by; municipality: the name of the customer's area."""
    return Keys(
        normalising.phone(phone),
        *normalising.name_keys(name_kana),
        *normalising.name_keys(name),
        addresses.key(address, municipality),
    )
