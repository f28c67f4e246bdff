"""Makes the two administrators of a new portal; every other account is made in the portal.

Two, because what one gives waits for the other (docs/adr/0009).
"""

from getpass import getpass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from access.people import Person, Role
from audit.acting import as_person
from customers.models import Organization


class Command(BaseCommand):
    help = "Makes the network operator and its first two administrators. Refuses where two exist."

    def add_arguments(self, parser):
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="the person's own name")
        parser.add_argument("--email", default="", help="where the person reads what happens to the account")
        parser.add_argument("--operator", required=True, help="the network operator's name")

    @transaction.atomic
    def handle(self, *args, username, name, email, operator, **options):
        if Person.objects.filter(role=Role.ADMINISTRATOR, is_active=True).count() >= 2:
            raise CommandError("There are two administrators already, who can make others in the portal.")
        password = getpass("Password: ")
        try:
            validate_password(password)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        with as_person(Person.objects.system()):
            organization, _made = Organization.objects.get_or_create(
                name=operator, defaults={"kind": Organization.Kind.NETWORK_OPERATOR}
            )
            Person.objects.create_user(
                username,
                password,
                name=name,
                email=email,
                role=Role.ADMINISTRATOR,
                organization=organization,
                must_change_password=True,  # whoever runs this knows it
            )
        self.stdout.write(f"{username} can sign in now, and then has to change the password.")
