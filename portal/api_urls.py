"""Addresses of the API, under /api/: the endpoints of version 1, their description, and the page to try them on."""

from __future__ import annotations

from typing import Any

from django.urls import include, path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import exceptions, permissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from communities.api import changes, community, people, register
from evaluation.api import (
    approval,
    batches,
    carrying,
    cases,
    certificate_forms,
    certifying,
    clock,
    correction,
    deliberation,
    desk,
    directory,
    discussion,
    draw,
    engagements,
    evidence,
    filing,
    form_check,
    guidance,
    incentives,
    inspection_draws,
    marks,
    message_texts,
    open_data,
    outbox,
    outcome,
    panel,
    policies,
    questions,
    ratings,
    sanctions,
    site,
    standards,
    statistics,
    supervision,
    vacancies,
)
from evaluation.api import changes as building
from evaluation.api import (
    people as officers,
)
from experts.api import admissions, calls, facts, imports
from experts.api import pool as experts
from portal import api_account as account
from portal import api_uploads

APPLICATION = r"applications/(?P<application>\d+)"
ORGANISATION = r"organisations/(?P<organisation>\d+)"
ROWS: tuple[tuple[str, type[Any], str], ...] = (
    # address, endpoint, name
    ("notifications", account.NotificationEndpoint, "notification"),
    ("access-tokens", account.AccessTokenEndpoint, "access-token"),
    ("districts", register.DistrictEndpoint, "district"),
    ("organisations", register.OrganisationEndpoint, "organisation"),
    (f"{ORGANISATION}/licences", register.LicenceEndpoint, "licence"),
    (f"{ORGANISATION}/members", people.MembershipEndpoint, "member"),
    (f"{ORGANISATION}/invitations", people.InvitationEndpoint, "organisation-invitation"),
    ("organisation-changes", changes.ChangeEndpoint, "organisation_change"),
    ("invitations", people.MyInvitationEndpoint, "invitation"),
    ("communities", community.CommunityEndpoint, "community"),
    ("experts", experts.ExpertEndpoint, "expert"),
    (r"experts/(?P<expert>[0-9A-Za-z-]+)/employments", facts.EmploymentEndpoint, "employment"),
    (r"experts/(?P<expert>[0-9A-Za-z-]+)/ties", facts.TieEndpoint, "tie"),
    (r"expert-pins/(?P<verdict>conflict|none)", facts.PinEndpoint, "pin"),
    ("expert-calls", calls.CallEndpoint, "call"),
    ("admissions", admissions.AdmissionEndpoint, "admission"),
    (r"admissions/(?P<admission>\d+)/proofs", admissions.AdmissionProofEndpoint, "admission-proof"),
    ("pool-imports", imports.PoolImportEndpoint, "pool_import"),
    ("programmes", standards.ProgrammeEndpoint, "programme"),
    ("standards", standards.StandardEndpoint, "standard"),
    ("projects", cases.ProjectEndpoint, "project"),
    (r"projects/(?P<project>\d+)/engagements", engagements.EngagementEndpoint, "engagement"),
    ("engagements", engagements.AskedEngagementEndpoint, "asked-engagement"),
    ("applications", cases.ApplicationEndpoint, "application"),
    (f"{APPLICATION}/claims", filing.ClaimEndpoint, "claim"),
    (f"{APPLICATION}/statements", filing.StatementEndpoint, "statement"),
    (f"{APPLICATION}/documents", filing.DocumentEndpoint, "document"),
    (f"{APPLICATION}/evidence", evidence.EvidenceEndpoint, "evidence"),
    (f"{APPLICATION}/findings", correction.FindingEndpoint, "finding"),
    (f"{APPLICATION}/overrides", form_check.OverrideEndpoint, "override"),
    (f"{APPLICATION}/issued-notices", form_check.IssuedNoticeEndpoint, "issued-notice"),
    (f"{APPLICATION}/submissions", correction.SubmissionEndpoint, "submission"),
    (f"{APPLICATION}/site-visit/findings", site.SiteFindingEndpoint, "site-finding"),
    (f"{APPLICATION}/site-visit/photos", site.SiteVisitPhotoEndpoint, "site-visit-photo"),
    ("assignments", panel.AssignmentEndpoint, "assignment"),
    (r"assignments/(?P<assignment>\d+)/marks", marks.MarkEndpoint, "mark"),
    (r"assignments/(?P<assignment>\d+)/amendments", deliberation.AmendmentEndpoint, "amendment"),
    ("vacancies", vacancies.VacancyEndpoint, "vacancy"),
    ("questions", questions.QuestionEndpoint, "question"),
    (r"assignments/(?P<assignment>\d+)/questions", questions.NewQuestionEndpoint, "new-question"),
    (f"{APPLICATION}/discussion", discussion.PanelMessageEndpoint, "panel-message"),
    (f"{APPLICATION}/endorsements", deliberation.EndorsementEndpoint, "endorsement"),
    (f"{APPLICATION}/ratings", ratings.RatedSeatEndpoint, "rated-seat"),
    (f"{APPLICATION}/minutes", approval.MinutesEndpoint, "minutes"),
    ("guidance-visits", guidance.GuidanceVisitEndpoint, "guidance_visit"),
    (r"guidance-visits/(?P<visit>\d+)/photos", guidance.GuidanceVisitPhotoEndpoint, "guidance-visit-photo"),
    (r"guidance-visits/(?P<visit>\d+)/opinions", guidance.NewGuidanceOpinionEndpoint, "guidance-visit-opinion"),
    ("guidance-opinions", guidance.GuidanceOpinionEndpoint, "guidance_opinion"),
    (r"guidance-opinions/(?P<opinion>\d+)/photos", guidance.GuidanceOpinionPhotoEndpoint, "guidance-opinion-photo"),
    (r"guidance-opinions/(?P<opinion>\d+)/files", guidance.GuidanceOpinionFileEndpoint, "guidance-opinion-file"),
    (r"guidance-visits/(?P<visit>\d+)/notes", guidance.GuidanceNoteEndpoint, "guidance-visit-note"),
    (r"guidance-visits/(?P<visit>\d+)/companions", guidance.NewGuidanceCompanionEndpoint, "guidance-visit-companion"),
    ("guidance-companions", guidance.GuidanceCompanionEndpoint, "guidance_companion"),
    (r"projects/(?P<project>\d+)/guidance-nodes", guidance.GuidancePlanEndpoint, "guidance-node"),
    (r"projects/(?P<project>\d+)/timeline", guidance.TimelineEndpoint, "project-timeline"),
    (r"projects/(?P<project>\d+)/major-changes", building.NewMajorChangeEndpoint, "project-major-change"),
    ("major-changes", building.MajorChangeEndpoint, "major_change"),
    (r"major-changes/(?P<change>\d+)/proofs", building.ChangeProofEndpoint, "change-proof"),
    ("operating-reports", supervision.OperatingReportEndpoint, "operating_report"),
    (r"operating-reports/(?P<report>\d+)/proofs", supervision.ReportProofEndpoint, "report-proof"),
    ("inspection-draws", inspection_draws.InspectionDrawEndpoint, "inspection_draw"),
    ("inspections", supervision.InspectionEndpoint, "inspection"),
    (r"inspections/(?P<inspection>\d+)/photos", supervision.InspectionPhotoEndpoint, "inspection-photo"),
    (r"inspections/(?P<inspection>\d+)/findings", supervision.InspectionFindingEndpoint, "inspection-finding"),
    ("rectifications", supervision.RectificationEndpoint, "rectification"),
    (r"rectifications/(?P<rectification>\d+)/proofs", supervision.RectificationProofEndpoint, "rectification-proof"),
    ("sanctions", sanctions.SanctionEndpoint, "sanction"),
    (r"sanctions/(?P<sanction>\d+)/proofs", sanctions.SanctionProofEndpoint, "sanction-proof"),
    (r"certificates/(?P<certificate>[0-9A-Za-z-]+)/sanctions", sanctions.NewSanctionEndpoint, "certificate-sanction"),
    ("renewals", sanctions.RenewalEndpoint, "renewal"),
    (r"certificates/(?P<certificate>[0-9A-Za-z-]+)/renewals", sanctions.NewRenewalEndpoint, "certificate-renewal"),
    ("limits", clock.LimitEndpoint, "limit"),
    ("officers", officers.OfficerEndpoint, "officer"),
    ("kept-accounts", officers.KeptAccountEndpoint, "kept-account"),
    ("day-overrides", policies.DayOverrideEndpoint, "day-override"),
    ("trail", policies.TrailEndpoint, "trail"),
    ("saved-views", desk.SavedViewEndpoint, "saved-view"),
    ("form-rules", form_check.FormRuleEndpoint, "form-rule"),
    ("phrases", form_check.PhraseEndpoint, "phrase"),
    ("late-findings", form_check.LateFindingEndpoint, "late-finding"),
    ("officer-conflicts", form_check.OfficerConflictEndpoint, "officer-conflict"),
    ("batches", batches.BatchEndpoint, "batch"),
    ("exports", batches.ExportEndpoint, "export"),
    ("stand-ins", batches.StandInEndpoint, "stand_in"),
    ("held-messages", outbox.HeldMessageEndpoint, "held_message"),
    ("undelivered-messages", outbox.UndeliveredEndpoint, "undelivered-message"),
    ("notices", outcome.NoticeEndpoint, "notice"),
    ("open-data", open_data.OpenDataEndpoint, "open-data"),
    ("statistics", statistics.StatisticsEndpoint, "statistics"),
    ("monthly-reports", statistics.MonthlyReportEndpoint, "monthly-report"),
    ("objections", outcome.ObjectionEndpoint, "objection"),
    (r"objections/(?P<objection>\d+)/proofs", outcome.ObjectionProofEndpoint, "objection-proof"),
    ("certificates", outcome.CertificateEndpoint, "certificate"),
    ("incentives", incentives.IncentiveEndpoint, "incentive"),
    ("incentive-policies", incentives.IncentivePolicyEndpoint, "incentive-policy"),
    ("incentive-confirmations", incentives.ConfirmationEndpoint, "incentive-confirmation"),
    ("directory", directory.DirectoryEndpoint, "directory"),
)

# One thing, not rows: address, endpoint, method -> what is done.
SINGLE: tuple[tuple[str, type[Any], dict[str, str]], ...] = (
    ("accounts/", register.AccountEndpoint, {"post": "create"}),
    ("me/", account.MeEndpoint, {"get": "retrieve", "patch": "partial_update"}),
    (
        "notification-settings/",
        account.NotificationSettingsEndpoint,
        {"get": "list", "patch": "partial_update"},
    ),
    (
        "calendar-link/",
        account.CalendarLinkEndpoint,
        {"get": "retrieve", "post": "create", "delete": "destroy"},
    ),
    ("work/", account.WorkEndpoint, {"get": "list"}),
    ("queue/", desk.QueueEndpoint, {"get": "list"}),
    ("certificate-progress/", certifying.CertifyingEndpoint, {"get": "retrieve"}),
    ("queue/settings/", desk.QueueSettingsEndpoint, {"get": "retrieve", "patch": "partial_update"}),
    ("token/", account.TokenEndpoint, {"post": "create", "delete": "destroy"}),
    ("uploads/", api_uploads.UploadEndpoint, {"post": "create"}),
    ("new-districts/", policies.PolicyEndpoint, {"post": "add_district"}),
    ("settings/<slug:kind>/", policies.PolicyEndpoint, {"get": "list", "post": "create"}),
    ("settings/<slug:kind>/<str:key>/", policies.PolicyEndpoint, {"get": "retrieve", "put": "update"}),
    ("settings/<slug:kind>/<str:key>/preview/", policies.PolicyEndpoint, {"post": "preview"}),
    ("message-counts/", outbox.DayCountEndpoint, {"get": "list"}),
    ("holding-rules/", message_texts.HoldingRuleEndpoint, {"get": "list", "put": "update"}),
    (
        "message-texts/<slug:kind>/<slug:language>/",
        message_texts.MessageTextEndpoint,
        {"get": "list", "post": "create"},
    ),
    ("message-texts/<slug:kind>/<slug:language>/back/", message_texts.MessageTextEndpoint, {"post": "go_back"}),
    ("message-texts/<slug:kind>/<slug:language>/preview/", message_texts.MessageTextEndpoint, {"post": "preview"}),
    (
        "certificate-forms/<slug:programme>/<slug:stage>/",
        certificate_forms.CertificateFormEndpoint,
        {"get": "list", "post": "create"},
    ),
    (
        "certificate-forms/<slug:programme>/<slug:stage>/seal/",
        certificate_forms.CertificateFormEndpoint,
        {"post": "seal"},
    ),
    (
        "certificate-forms/<slug:programme>/<slug:stage>/preview/",
        certificate_forms.CertificateFormEndpoint,
        {"post": "preview"},
    ),
    ("applications/<int:application>/messages/", outbox.CaseMessageEndpoint, {"get": "list"}),
    (
        "organisations/<int:organisation>/communities/import/",
        community.CommunityImportEndpoint,
        {"get": "retrieve", "post": "create"},
    ),
    ("applications/<int:application>/data/", filing.CaseDataEndpoint, {"get": "retrieve", "patch": "partial_update"}),
    ("applications/<int:application>/carrying/", carrying.CarryingEndpoint, {"post": "create"}),
    ("applications/<int:application>/comparison/", carrying.ComparisonEndpoint, {"get": "list"}),
    ("applications/<int:application>/coverage/", evidence.CoverageEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/uploads/", evidence.ComingFileEndpoint, {"get": "list"}),
    ("applications/<int:application>/advice/", filing.AdviceEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/correction-notice/", correction.CorrectionNoticeEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/differences/", correction.DifferencesEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/clock/", clock.ClockEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/draw/", draw.DrawEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/draw/receipt/", draw.DrawEndpoint, {"get": "receipt"}),
    ("applications/<int:application>/panel/", panel.PanelEndpoint, {"get": "list"}),
    ("applications/<int:application>/result/", panel.ResultEndpoint, {"get": "retrieve"}),
    ("applications/<int:application>/precedents/", approval.PrecedentEndpoint, {"get": "list"}),
    ("applications/<int:application>/result/receipt/", panel.ResultEndpoint, {"get": "receipt"}),
    ("applications/<int:application>/site-visit/", site.SiteVisitEndpoint, {"get": "retrieve", "put": "update"}),
    ("applications/<int:application>/site-visit/sign/", site.SiteVisitEndpoint, {"post": "sign"}),
    ("applications/<int:application>/site-visit/paper/", site.SiteVisitEndpoint, {"get": "paper"}),
    (
        "applications/<int:application>/meeting/",
        deliberation.MeetingEndpoint,
        {"get": "retrieve", "put": "update", "delete": "destroy"},
    ),
    (
        "applications/<int:application>/meeting/notes/<str:item_code>/",
        deliberation.MeetingEndpoint,
        {"put": "note"},
    ),
    ("assignments/<int:assignment>/sheet/", marks.SheetEndpoint, {"get": "retrieve"}),
    ("assignments/<int:assignment>/rating/", ratings.RatingEndpoint, {"get": "retrieve", "post": "create"}),
    ("assignments/<int:assignment>/rating/reply/", ratings.RatingEndpoint, {"post": "reply"}),
    ("assignments/<int:assignment>/opened/", marks.OpenedEndpoint, {"post": "create"}),
)


@extend_schema(exclude=True)
class Unknown(APIView):
    """An address that is none of the above, answered like everything else that is unknown."""

    permission_classes = [permissions.AllowAny]

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        self.http_method_names = [request.method.lower()]
        setattr(self, request.method.lower(), self.answer)
        return super().dispatch(request, *args, **kwargs)

    def answer(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise exceptions.NotFound


router = SimpleRouter()
for address, endpoint, name in ROWS:
    router.register(address, endpoint, f"api-{name}")

urlpatterns = [
    path(
        "v1/uploads/<uuid:upload>/",
        api_uploads.UploadEndpoint.as_view(
            {"get": "retrieve", "head": "position", "patch": "receive", "delete": "destroy"}, detail=True
        ),
        name="api-upload",
    ),
    *(path(f"v1/{address}", endpoint.as_view(methods)) for address, endpoint, methods in SINGLE),
    path("v1/", include(router.urls)),
    re_path(r"^v1/.*", Unknown.as_view()),
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]
