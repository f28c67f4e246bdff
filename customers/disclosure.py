"""The table that is the law: which item of a customer which audience sees.

Source: the statement of 20 January 2023 (四国電力送配電株式会社, お客さま情報の漏えいに係る報告徴収の受領について), its table of items, line by
line and in its order. The columns are the statement's: 当社 (the network operator), 四国電力 (the
contractor, under the delegation contract) and スイッチング支援システム (a retailer's switching staff).

This module imports nothing of ours. A contract may delegate fewer of the first five items; nothing
can delegate one of the rest.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Audience(StrEnum):
    OPERATOR = "operator"
    CONTRACTOR = "contractor"
    RETAILER = "retailer"


class Shown(StrEnum):
    """One cell of the table."""

    YES = "○"
    NO = "×"
    OWN = "自"  # own customers only (自社分のみ)


YES, NO, OWN = Shown.YES, Shown.NO, Shown.OWN


@dataclass(frozen=True)
class Item:
    """One line of the table: its code, its name on the statement, the fields it covers, its cells."""

    code: str
    label: str | Promise
    fields: tuple[str, ...]
    operator: Shown
    contractor: Shown
    retailer: Shown

    def shown_to(self, audience: Audience) -> Shown:
        return getattr(self, audience.value)


# fmt: off
TABLE = (
    #     code                   item                                                       fields                                                                            当社  受託  小売
    Item("supply_point_number", _("Supply point number"),                                  ("supply_point_number",),                                                         YES, YES, YES),
    Item("name",                _("Name on the contract"),                                 ("name", "name_kana"),                                                            YES, YES, OWN),
    Item("address",             _("Address of the supply point"),                          ("address",),                                                                     YES, YES, YES),
    Item("phone",               _("Contact phone number"),                                 ("phone",),                                                                       YES, YES, OWN),
    Item("voltage",             _("Supply voltage"),                                       ("voltage",),                                                                     YES, YES, YES),
    Item("retailer",            _("Contracted electricity retailer"),                      ("retailer", "menu_category"),                                                    YES, NO,  NO),
    Item("service_menu",        _("Connection and transmission service menu"),             ("service_menu",),                                                                YES, NO,  OWN),
    Item("monthly_usage",       _("Electricity used"),                                     ("monthly_usage",),                                                               YES, NO,  NO),
    Item("contracted_power",    _("Contracted capacity, contracted power, power factor"),  ("contracted_capacity_kva", "contracted_power_kw", "power_factor_percent"),       YES, NO,  YES),
    Item("fit_started_on",      _("Start of the feed-in tariff"),                          ("fit_started_on",),                                                              YES, NO,  NO),
    Item("generator_output_kw", _("Generator output"),                                     ("generator_output_kw",),                                                         YES, NO,  NO),
)

FIELD_LABELS = {
    "supply_point_number": _("Supply point number"),
    "name": _("Name on the contract"),
    "name_kana": _("Name in kana"),
    "address": _("Address of the supply point"),
    "phone": _("Contact phone number"),
    "voltage": _("Supply voltage"),
    "retailer": _("Contracted electricity retailer"),
    "menu_category": pgettext_lazy("regulated or free", "Menu category"),
    "service_menu": _("Connection and transmission service menu"),
    "monthly_usage": _("Electricity used"),
    "contracted_capacity_kva": _("Contracted capacity (kVA)"),
    "contracted_power_kw": _("Contracted power (kW)"),
    "power_factor_percent": _("Power factor (%)"),
    "fit_started_on": _("Start of the feed-in tariff"),
    "generator_output_kw": _("Generator output (kW)"),
}
# fmt: on

#: The items "indispensable in an emergency": all that a contract may ever delegate.
DELEGABLE_ITEMS = tuple(item.code for item in TABLE if item.contractor is YES)


def fields_for(
    audience: Audience, *, own: bool = False, items: frozenset[str] | None = None
) -> frozenset[str]:
    """The fields that `audience` sees of a customer.

    own: the customer is one of the audience's own (the cells that say 自).
    items: for a contractor, the codes that the contract delegates; it can only take away.
    """
    cells = (YES, OWN) if own else (YES,)
    return frozenset(
        field
        for item in TABLE
        if item.shown_to(audience) in cells and (items is None or item.code in items)
        for field in item.fields
    )
