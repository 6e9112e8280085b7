"""10,000 or 100,000 projects in bulk, spread over districts and states as a busy city would have them."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from communities.models import Community, District, Organisation
from evaluation.models import Application, Certificate, Evidence, EvidenceLink, Programme, Project
from portal import conditional
from portal.demo import cases, journey
from portal.models import User


def crowd(application: Application, count: int) -> None:
    """Fill in a draft, then add rows of proofs, spread over its items, until there are ``count``; their file is one."""
    cases.fill(application, journey.random_of(application))
    row = application.evidence.first()
    kept = {
        field.attname: getattr(row, field.attname) for field in Evidence._meta.concrete_fields if not field.primary_key
    }
    made = Evidence.objects.bulk_create(Evidence(**kept) for _number in range(count - application.evidence.count()))
    codes = [item.code for item in application.standard.items(application.stage)]
    EvidenceLink.objects.bulk_create(
        EvidenceLink(evidence=one, item_code=codes[number % len(codes)]) for number, one in enumerate(made)
    )


LEVELS = {1: "一星级", 2: "二星级", 3: "三星级"}


def certify(count: int, first: int = 0) -> None:
    """Give the applications numbered from ``first`` a star in force each, spread over levels, districts and five years."""
    today = timezone.localdate()
    rows = Application.objects.filter(project__number__startswith="BENCH-").order_by("pk")
    cases = rows.select_related("project__community__district", "project__organisation")[first : first + count]
    Certificate.objects.bulk_create(
        (
            Certificate(
                application=case, programme_id=case.project.programme_id, district=case.project.community.district,
                number=f"BENCH-{number:06d}", state="valid", is_final=True, level=1 + number % 3,
                level_name=LEVELS[1 + number % 3], community_name=case.project.community.name,
                organisation_name=case.project.organisation.name, district_name=case.project.community.district.name,
                standard_label="REF-SC 1.0", standard_sha256="0" * 64, issued_on=today - timedelta(days=number % 1800),
                valid_until=today + timedelta(days=1 + number % 900),
            )
            for number, case in enumerate(cases.iterator(2000), first)
        ),
        batch_size=2000,
    )  # fmt: skip
    while conditional.add_up():  # as the sweep does, a step a minute
        pass


STATES = ["draft", "form_check", "correction", "recommendation", "drawing", "review", "approval", "certified"]


def grow(count: int, by: User, organisation: Organisation, first: int = 0) -> None:
    """Add ``count`` projects with one application each, numbered from ``first``."""
    programme = Programme.objects.get(pk="smart_community")
    districts = list(District.objects.all())
    today = timezone.localdate()
    communities = Community.objects.bulk_create(
        (
            Community(
                organisation=organisation, name=f"示例·第{number}号小区", district=districts[number % len(districts)],
                address=f"示例路{number}号", floor_area=80000 + number, households=600 + number % 900, buildings=4 + number % 12,
            )
            for number in range(first, first + count)
        ),
        batch_size=2000,
    )  # fmt: skip
    projects = Project.objects.bulk_create(
        (
            Project(
                number=f"BENCH-{number:06d}", programme=programme, standard=programme.standard, community=community,
                organisation=organisation, target_level=1 + number % 3, created_by=by,
            )
            for number, community in enumerate(communities, first)
        ),
        batch_size=2000,
    )  # fmt: skip
    Application.objects.bulk_create(
        (
            Application(
                project=project, stage="design", state=STATES[number % len(STATES)],
                due_on=today + timedelta(days=number % 40 - 10), version=1,
            )
            for number, project in enumerate(projects, first)
        ),
        batch_size=2000,
    )  # fmt: skip
