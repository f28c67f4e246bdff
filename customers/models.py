"""What the network operator keeps: organisations, service areas, customers, usage. Facts, no rules."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Func, Q
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from customers.one_line import OneLineField


class Organization(models.Model):
    """A company (事業者). Its kind never changes, nor its code once it has one: triggers refuse it.

    A retailer is known by its code: the billing side's file names retailers by it. A name is for people.
    """

    class Kind(models.TextChoices):
        NETWORK_OPERATOR = "network_operator", _("Network operator")
        AFFILIATE_RETAILER = "affiliate_retailer", _("Affiliate retailer")
        RETAILER = "retailer", _("Retailer")

    name = OneLineField(_("name"), max_length=100, unique=True)
    name_en = OneLineField(_("name in English"), max_length=100, blank=True)
    code = OneLineField(
        _("retailer code"),
        max_length=10,
        unique=True,
        null=True,
        blank=True,
        validators=[RegexValidator(r"\A[A-Z0-9]{1,10}\Z", _("A code has capital letters and digits alone."))],
        help_text=_("By which the billing side's file names a retailer. Once given it stays."),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta:
        verbose_name = _("organisation")
        verbose_name_plural = _("organisations")
        constraints = [
            models.CheckConstraint(
                name="organization_kind_known",
                condition=Q(kind__in=["network_operator", "affiliate_retailer", "retailer"]),
            ),
            models.CheckConstraint(
                name="retailer_code_is_capitals_and_digits",
                condition=Q(code__isnull=True) | Q(code__regex=r"^[A-Z0-9]{1,10}$"),
            ),
        ]

    def __str__(self) -> str:
        return in_language(self.name, self.name_en)


class ServiceArea(models.Model):
    """A municipality that the operator serves (供給エリア): the unit of scope and of permission.

    A training area is no place: its code begins with 99, which is no prefecture's, and its customers
    are synthetic. Drills reach training areas alone, and nothing else does (a trigger of `access`).
    """

    class Prefecture(models.TextChoices):
        TOKUSHIMA = "徳島県", _("Tokushima")
        KAGAWA = "香川県", _("Kagawa")
        EHIME = "愛媛県", _("Ehime")
        KOCHI = "高知県", _("Kochi")
        TRAINING = "訓練", _("Training area")

    code = models.CharField(_("code (JIS X 0402)"), max_length=5, unique=True)
    name = OneLineField(_("name"), max_length=50)
    name_kana = OneLineField(_("name in kana"), max_length=100)
    name_en = OneLineField(_("name in English"), max_length=100)
    prefecture = models.CharField(_("prefecture"), max_length=10, choices=Prefecture)
    is_training = models.BooleanField(_("training area"), default=False)

    class Meta:
        verbose_name = _("service area")
        verbose_name_plural = _("service areas")
        ordering = ["code"]
        permissions = [
            ("consult_servicearea", "Can consult customers of the area"),
            ("declare_in_servicearea", "Can declare an emergency in the area"),
        ]
        constraints = [
            models.CheckConstraint(name="area_code_is_jis_x_0402", condition=Q(code__regex=r"^[0-9]{5}$")),
            models.CheckConstraint(
                name="training_areas_are_no_places",
                condition=Q(is_training=True, code__startswith="99", prefecture="訓練")
                | (Q(is_training=False) & ~Q(code__startswith="99") & ~Q(prefecture="訓練")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {in_language(self.name, self.name_en)}"

    @property
    def written(self) -> str:
        """How the history names the area: its code decides, its name is for the reader."""
        return f"{self.code} {self.name}"


class LastDigits(Func):
    """The last four digits of a number: what a caller has at hand of it."""

    COUNT = 4
    function = "RIGHT"
    template = f"%(function)s(%(expressions)s, {COUNT})"
    arity = 1
    output_field = models.CharField()


class Customer(models.Model):
    """One contract at one supply point, with the items of the table in `customers.disclosure`.

    Never handed to a view: `customers.reading` gives values with the allowed fields alone. The keys
    at the end are what lookups compare with, filled by `customers.normalising`.
    """

    class Voltage(models.TextChoices):
        LOW = "low", _("Low voltage")
        HIGH = "high", _("High voltage")
        EXTRA_HIGH = "extra_high", _("Extra-high voltage")

    class MenuCategory(models.TextChoices):
        REGULATED = "regulated", pgettext_lazy("menu", "Regulated")
        FREE = "free", pgettext_lazy("menu", "Free")

    supply_point_number = models.CharField(_("supply point number"), max_length=22, unique=True)
    area = models.ForeignKey(ServiceArea, models.PROTECT, verbose_name=_("service area"))
    name = OneLineField(max_length=100)
    name_kana = OneLineField(max_length=200)
    address = OneLineField(max_length=200)
    phone = OneLineField(max_length=20)
    voltage = models.CharField(max_length=10, choices=Voltage)
    # Its index is `customer_of_retailer`, which also gives them in the order of an export
    retailer = models.ForeignKey(Organization, models.PROTECT, related_name="customers", db_index=False)
    menu_category = models.CharField(max_length=10, choices=MenuCategory)
    service_menu = OneLineField(max_length=50)
    contracted_capacity_kva = models.DecimalField(max_digits=9, decimal_places=1, null=True)
    contracted_power_kw = models.DecimalField(max_digits=9, decimal_places=1, null=True)
    power_factor_percent = models.PositiveSmallIntegerField(null=True)
    fit_started_on = models.DateField(null=True)
    generator_output_kw = models.DecimalField(max_digits=9, decimal_places=1, null=True)

    # In the collation C, so that one index serves equality, beginnings and the order of results
    phone_key = models.CharField(max_length=20, db_collation="C")
    kana_key = models.CharField(max_length=200, db_collation="C")
    kana_tail = models.CharField(max_length=200, db_collation="C")
    name_key = models.CharField(max_length=100, db_collation="C")
    name_tail = models.CharField(max_length=100, db_collation="C")
    town_key = models.CharField(max_length=200, db_collation="C")

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        default_permissions = ()
        permissions = [
            ("look_up_customer", "Can look a customer up"),
            ("export_own_customers", "Can take the own organisation's customers away in a file"),
            ("import_customers", "Can import customers, without seeing one"),
        ]
        constraints = [
            models.CheckConstraint(
                name="supply_point_number_is_22_digits",
                condition=Q(supply_point_number__regex=r"^[0-9]{22}$"),
            ),
            models.CheckConstraint(
                name="customer_voltage_known",
                condition=Q(voltage__in=["low", "high", "extra_high"]),
            ),
            models.CheckConstraint(
                name="customer_menu_category_known",
                condition=Q(menu_category__in=["regulated", "free"]),
            ),
            models.CheckConstraint(
                name="customer_power_factor_is_a_percentage",
                condition=Q(power_factor_percent__isnull=True) | Q(power_factor_percent__lte=100),
            ),
        ]
        indexes = [
            models.Index(fields=["retailer", "id"], name="customer_of_retailer"),
            models.Index(fields=["phone_key"], name="customer_phone_key"),
            models.Index(LastDigits("phone_key"), name="customer_phone_last_four"),
            models.Index(LastDigits("supply_point_number"), name="customer_number_last_four"),
            models.Index(fields=["area", "kana_key", "id"], name="customer_kana"),
            models.Index(fields=["area", "name_key", "id"], name="customer_name"),
            models.Index(fields=["area", "town_key", "id"], name="customer_town"),
            models.Index(
                fields=["area", "kana_tail", "id"], name="customer_kana_tail", condition=~Q(kana_tail="")
            ),
            models.Index(
                fields=["area", "name_tail", "id"], name="customer_name_tail", condition=~Q(name_tail="")
            ),
            GinIndex(
                OpClass("kana_key", "gin_trgm_ops"),
                OpClass("name_key", "gin_trgm_ops"),
                OpClass("town_key", "gin_trgm_ops"),
                name="customer_parts",
            ),
        ]

    def __str__(self) -> str:
        return self.supply_point_number


class MonthlyUsage(models.Model):
    """What a customer used in a month, in kWh."""

    customer = models.ForeignKey(Customer, models.CASCADE, related_name="monthly_usage")
    month = models.DateField(_("month"))
    kwh = models.PositiveIntegerField(_("kWh"))

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["customer", "month"], name="usage_once_a_month"),
            models.CheckConstraint(name="usage_month_is_its_first_day", condition=Q(month__day=1)),
        ]

    def __str__(self) -> str:
        return f"{self.customer_id} {self.month:%Y-%m}"


def in_language(japanese: str, english: str) -> str:
    """A proper name for the active language: the English one on English pages, where there is one."""
    if english and (get_language() or "ja").startswith("en"):
        return english
    return japanese
