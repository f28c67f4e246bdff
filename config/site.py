"""The portal: a subclass of Django's admin site at "/", with the pages of the work beside the admin's."""

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.urls import include, path, reverse
from django.utils.translation import gettext_lazy as _

from access import admin as access_admin
from access import models as access
from access.forms import OwnPasswordForm, SignInForm
from access.views import board, contracts, emails, emergencies, grants, inquiries, passwords, requests
from audit import errand_views, review_views, seal_views, subject_views, timeline_views
from audit import views as audit_views
from config import home
from customers import admin as customers_admin
from customers import models as customers
from customers import views as customers_views


class Portal(admin.AdminSite):
    """Explicit from end to end: what is not listed here has no URL, and `access.pages` says whose it is."""

    site_header = site_title = _("Emergency Desk")
    index_title = _("Home")
    site_url = None
    enable_nav_sidebar = False
    login_form = SignInForm

    def __init__(self, name="portal"):
        super().__init__(name)
        self.register(access.Person, access_admin.PersonAdmin)
        self.register(access.Office, access_admin.OfficeAdmin)
        self.register(access.DelegationContract, access_admin.ContractAdmin)
        self.register(customers.Organization, customers_admin.OrganizationAdmin)
        self.register(customers.ServiceArea, customers_admin.ServiceAreaAdmin)

    def has_permission(self, request):
        """Whoever may sign in; which pages they open is `access.policy`'s to say."""
        return request.user.is_authenticated and request.user.is_active

    def get_app_list(self, request, app_label=None):
        """Nothing: `access.band` navigates by role, not by application."""
        return []

    def index(self, request, extra_context=None):
        return home.home(request)

    def password_change(self, request, extra_context=None):
        page = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("portal:password_change_done"),
            extra_context=self.each_context(request),
        )
        return page(request)

    def get_urls(self):
        pages = [
            path("", self.index, name="index"),
            path("login/", self.login, name="login"),
            path("login/code/", passwords.choose_password, name="choose_password"),
            path("logout/", self.logout, name="logout"),
            path("password/", self.password_change, name="password_change"),
            path("password/done/", self.password_change_done, name="password_change_done"),
            path("jsi18n/", self.i18n_javascript, name="jsi18n"),
            path("items/", customers_views.disclosure_table, name="disclosure_table"),
            path("notices/", requests.notice_list, name="notices"),
            # looking callers up
            path("lookup/", customers_views.lookup, name="lookup"),
            path("exports/", customers_views.exports, name="exports"),
            path("exports/<int:pk>/", customers_views.export, name="export"),
            path("still/", inquiries.still, name="still"),
            # before a customer's own page, whose key could be any word
            path("customers/import/", customers_views.import_customers, name="import_customers"),
            path("customers/<str:key>/", customers_views.customer, name="customer"),
            path("customers/<str:key>/seen/", customers_views.who_has_seen, name="who_has_seen"),
            path("inquiries/", inquiries.inquiry_list, name="inquiries"),
            path("inquiries/new/", inquiries.take_inquiry, name="take_inquiry"),
            path("inquiries/<int:pk>/", inquiries.inquiry, name="inquiry"),
            path("inquiries/<int:pk>/close/", inquiries.close_inquiry, name="close_inquiry"),
            path("emergencies/<int:pk>/help/", requests.ask_for_help, name="ask_for_help"),
            # emergencies and grants
            path("emergencies/", emergencies.emergency_list, name="emergencies"),
            path("emergencies/declare/", emergencies.declare_emergency, name="declare_emergency"),
            path("emergencies/<int:pk>/", emergencies.emergency, name="emergency"),
            path("emergencies/<int:pk>/end/", emergencies.end_emergency, name="end_emergency"),
            path("emergencies/<int:pk>/extend/", emergencies.extend_emergency, name="extend_emergency"),
            path("emergencies/<int:pk>/areas/", emergencies.change_areas, name="change_areas"),
            path("emergencies/<int:pk>/grant/", grants.grant, name="grant"),
            path("emergencies/<int:pk>/revoke/", grants.revoke, name="revoke"),
            path("emergencies/<int:pk>/summary/", emergencies.summary, name="summary"),
            path("people/<int:pk>/revoke/", grants.revoke_person, name="revoke_person"),
            # contracts and their rosters
            path("contracts/<int:pk>/roster/", contracts.roster, name="roster"),
            path("contracts/<int:pk>/roster/add/", contracts.add_to_roster, name="add_to_roster"),
            path("contracts/<int:pk>/roster/import/", contracts.import_roster, name="import_roster"),
            path("contracts/<int:pk>/roster/<int:entry>/train/", contracts.train, name="train"),
            path(
                "contracts/<int:pk>/roster/<int:entry>/remove/",
                contracts.remove_from_roster,
                name="remove_from_roster",
            ),
            path("contracts/<int:pk>/suspend/", contracts.suspend, name="suspend"),
            path("contracts/<int:pk>/lift/", contracts.lift, name="lift"),
            path("rights/<slug:kind>/<int:pk>/", contracts.rights, name="rights"),
            # what waits for somebody, and the board
            path("requests/", requests.requests, name="requests"),
            path("requests/<int:pk>/answer/", requests.answer, name="answer"),
            path("emails/", emails.unsent, name="unsent_emails"),
            path("board/", board.night, name="board"),
            path("board/grants/", board.live_grants, name="live_grants"),
            path("board/lookups/", board.lookups, name="lookups"),
            path("board/inquiries/", board.inquiries, name="board_inquiries"),
            # the history
            path("history/", audit_views.history, name="history"),
            path("history/<int:pk>/", audit_views.entry, name="history_entry"),
            path("history/export/", audit_views.export, name="export_history"),
            path("history/<int:pk>/proof/", seal_views.proof_of_entry, name="proof_of_entry"),
            path("history/proof/", seal_views.proof_of_history, name="proof_of_history"),
            path("seals/", seal_views.seals, name="seals"),
            path("seals/verify/", seal_views.verify, name="verify"),
            path("seals/proof/", seal_views.proof_of_seals, name="proof_of_seals"),
            path("seals/key/", seal_views.public_key, name="public_key"),
            path("errands/", errand_views.errands, name="errands"),
            path("errands/<int:pk>/", errand_views.errand, name="errand"),
            path("errands/<int:pk>/file/", errand_views.file, name="errand_file"),
            path("reviews/", review_views.reviews, name="reviews"),
            path("reviews/<int:pk>/", review_views.review, name="review"),
            path("reviews/<int:pk>/entries/<int:entry>/", review_views.mark, name="mark_entry"),
            path("reviews/<int:pk>/add/<int:entry>/", review_views.add, name="add_to_review"),
            path("reviews/<int:pk>/sign-off/", review_views.sign_off, name="sign_off"),
            path("reviews/<int:pk>/reopen/", review_views.reopen, name="reopen_review"),
            path("history/timeline/", timeline_views.timeline, name="timeline"),
            path("history/people/<int:pk>/", subject_views.person, name="history_person"),
            path("history/emergencies/<int:pk>/", subject_views.emergency, name="history_emergency"),
            path("history/grants/<int:pk>/", subject_views.grant, name="history_grant"),
            path("history/customer/", subject_views.customer, name="history_customer"),
            path("history/customer/file/", subject_views.customer_file, name="history_customer_file"),
            path("history/customer/letter/", subject_views.customer_letter, name="history_customer_letter"),
        ]
        kept_by_hand = [
            path(f"registers/{model._meta.model_name}/", include(model_admin.urls))
            for model, model_admin in self._registry.items()
        ]
        return pages + kept_by_hand


portal = Portal()
