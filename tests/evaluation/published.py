"""A judged case in rows, made as short as the public pages need it: everything they show comes from the domain's functions."""

from datetime import timedelta

from django.utils import timezone

from communities import credit_code
from communities.models import Community, District, Membership, Officer, Organisation
from evaluation import configuration, outcome, sealing
from evaluation.models import Application, Assignment, Certificate, Draw, Programme, Project, Result, Submission
from experts import draw as lots
from experts.models import Expert
from portal.models import User
from tests.experts.pools import SMALL_RULES, drawn, frozen_of, small_pool

DRAWN = frozen_of(small_pool(), SMALL_RULES)
RECEIPT = lots.receipt(DRAWN, drawn(DRAWN))


def today():
    return timezone.localdate()


def user(name, **values):
    return User.objects.create(username=name, name=f"示例{name}", email=f"{name}@example.org", **values)


def officer(duty, district=None):
    person = user(duty)
    Officer.objects.create(user=person, duty=duty, district=district, since=today() - timedelta(days=400))
    return person


def organisation(name="示例置业有限公司", number=1, state="active", **values):
    return Organisation.objects.create(
        **{
            "credit_code": credit_code.with_check_character(f"91500000MA5U{number:05d}"),
            "name": name,
            "kind": "developer",
            "district": District.objects.get(name="渝北区"),
            "address": "渝北区示例路1号",
            "contact": "示例联系人",
            "phone": "023-00000000",
            "undertaking": True,
            "state": state,
            **values,
        }
    )


def member(unit, name="member", role="administrator"):
    person = user(name)
    Membership.objects.create(user=person, organisation=unit, role=role, since=today())
    return person


def community(unit, name="示例·云栖里小区", **values):
    return Community.objects.create(
        organisation=unit,
        name=name,
        district=unit.district,
        address="渝北区示例大道8号",
        floor_area="86500.00",
        households=820,
        buildings=9,
        **values,
    )


def judged(name="示例·云栖里小区", *, number=1, stage="completion", state="notice", level=2):
    """An application in ``state`` with a result and its panel."""
    if not Programme.objects.exists():
        configuration.load()
    sealing.first_key()
    programme = Programme.objects.get(pk="smart_community")
    unit = organisation(f"示例置业{number}有限公司", number)
    author = user(f"author{number}")
    project = Project.objects.create(
        number=f"CQ-ZHXQ-2026-500112-{9000 + number}",
        programme=programme,
        standard=programme.standard,
        community=community(unit, name),
        organisation=unit,
        target_level=3,
        created_by=author,
    )
    application = Application.objects.create(project=project, stage=stage, state=state)
    submission = Submission.objects.create(application=application, version=1, data={}, sha256="0" * 64, by=author)
    chapters = {chapter.code: {"ratio": "82.5000"} for chapter in project.standard.parsed.chapters}
    Result.objects.create(
        application=application,
        submission=submission,
        review_round=1,
        standard_sha256=project.standard.sha256,
        total="82.400",
        level=level,
        trace={"total": "82.40", "level": level, "chapters": chapters, "flagged": []},
        sheets=[],
    )
    seat_panel(application, number)
    return Application.objects.with_case().get(pk=application.pk)


def seat_panel(application, number):
    """One expert and a draw with a right receipt; whose panel it is the notice is told and does not ask."""
    person = user(f"expert{number}")
    expert = Expert.objects.create(
        state="serving", user=person, number=f"E{number:04d}", employer="示例设计院", district=District.objects.first(),
        term_from=today() - timedelta(days=100), term_until=today() + timedelta(days=100),
    )  # fmt: skip
    draw = Draw.objects.create(
        application=application, review_round=1, frozen=DRAWN.document, commitment=DRAWN.commitment,
        identities=DRAWN.identities, organiser=person, receipt=RECEIPT, drawn_at=timezone.now(),
    )  # fmt: skip
    Assignment.objects.create(
        application=application, draw=draw, expert=expert, field="comm", is_leader=True, seat=1, state="signed"
    )


def notice(name="示例·云栖里小区", *, number=1, day=None, **values):
    """A running public notice."""
    return outcome.open_notice(judged(name, number=number, **values), day or today())


def certificate(name="示例·云栖里小区", *, number=1, level=2, state="valid", stage="completion", **columns):
    """An issued certificate, without its PDF unless ``outcome.issue_certificate`` made it."""
    application = judged(name, number=number, state="certified", level=level, stage=stage)
    names = {1: "一星级", 2: "二星级", 3: "三星级"}
    return Certificate.objects.create(
        **{
            "application": application,
            "number": f"CQ-ZHXQ-X-2026-{number:05d}",
            "state": state,
            "is_final": stage == "completion",
            "level": level,
            "level_name": names[level],
            "community_name": name,
            "organisation_name": application.project.organisation.name,
            "district_name": "渝北区",
            "district": District.objects.get(name=columns.get("district_name", "渝北区")),
            "standard_label": "REF-SC 1.0 智慧小区评价参考样本",
            "standard_sha256": "0" * 64,
            "standard_notice": application.project.programme.sample_notice,
            "issued_on": today() - timedelta(days=30),
            "valid_until": today() + timedelta(days=1000),
            **columns,
        }
    )
