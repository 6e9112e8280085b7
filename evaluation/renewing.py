"""Renewal of a star certificate: within which days it is asked, under which conditions, and the term that it gives.

Hides: that nothing is lost by asking early, since the new term is counted from the end of the old one, and which other
matters stand in its way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from django.db import transaction
from django.utils import timezone, translation

from communities.models import Organisation, Parameter
from evaluation import issuing, sanctions, succession, supervising, telling_sanctions
from evaluation.models import Application, Certificate, NoticeForm, NoticeKind, Renewal, Sanction, StageRule
from evaluation.permissions import may_ask_renewal
from portal import audit, clock
from portal.machine import Act, NotAllowed
from portal.models import Sequence, User
from portal.problems import Problem, Refused, gettext_noop
from portal.workdays import last_day

WINDOW = "certificate_renewal_days"
LONGEST = 5000  # characters


def window_days() -> int:
    """How many days before its last day a certificate may be renewed or applied for anew."""
    return int(Parameter.objects.get(pk=WINDOW).value)


def window_opens(certificate: Certificate) -> date:
    """The first day on which a certificate may be renewed; the last one is its own last day."""
    return certificate.valid_until - timedelta(days=window_days())


def rule_of(certificate: Certificate) -> StageRule:
    """What the programme says today of the stage that awarded the certificate."""
    application = certificate.application
    return StageRule.objects.get(programme=application.project.programme_id, stage=application.stage)


def hindrances(certificate: Certificate, day: date) -> list[Problem]:
    """Everything that keeps a certificate from being asked to be renewed on ``day``: the one list for page, API and act."""
    return [*_out_of_time(certificate, day), *_unmet(certificate), *_busy(certificate)]


def still_hindering(certificate: Certificate, inside: bool) -> list[Problem]:
    """What keeps a renewal that was asked in time from being approved: its conditions as they are now.

    inside: for officers, who also know of a sanction of which the unit was not told yet.
    """
    ended = certificate.state not in ("valid", "expired") or _overtaken(certificate)
    return [*([_ended()] if ended else []), *_unmet(certificate, inside)]


def _overtaken(certificate: Certificate) -> bool:
    """Whether its community has another certificate by now, which nothing superseded where this one had expired."""
    case = "application__project__"
    key = Certificate.objects.filter(pk=certificate.pk).values(f"{case}community", f"{case}programme").get()
    others = Certificate.objects.filter(**key, is_final=certificate.is_final, state="valid")
    return certificate.state == "expired" and others.exists()


def _ended() -> Problem:
    return Problem("certificate_ended", "", gettext_noop("该证书已撤销或已被取代，不能延续。"))


def _out_of_time(certificate: Certificate, day: date) -> Iterator[Problem]:
    standing = certificate.standing(day)
    if standing == "expired":
        yield Problem("renewal_late", "", gettext_noop("证书已经到期，不能再申请延续；请重新申报评价。"))
    elif standing != "valid":
        yield _ended()
    elif day < (opens := window_opens(certificate)):
        message = gettext_noop("还没有到申请延续的时间：%(day)s起可以申请。")
        yield Problem("renewal_early", "", message, {"day": opens.isoformat()})


def _unmet(certificate: Certificate, inside: bool = False) -> Iterator[Problem]:
    project = certificate.application.project
    if not certificate.is_final or not rule_of(certificate).is_renewable:
        yield Problem("not_renewable", "", gettext_noop("这类证书不办理延续；到期前请重新申报评价。"))
    if certificate.standard_sha256 != project.programme.standard.sha256:
        message = gettext_noop("评价标准已更换为%(standard)s，原结果不能延续；请按现行标准重新申报评价。")
        yield Problem("standard_changed", "", message, {"standard": str(project.programme.standard)})
    if Organisation.objects.get(pk=project.organisation_id).state != "active":
        yield Problem("organisation", "", gettext_noop("申报单位须为已核验且未被限制申报的单位。"))
    weighed = Sanction.objects.open().filter(certificate=certificate.pk)
    if (weighed if inside else weighed.filter(told_at__isnull=False)).exists():
        yield Problem("sanction_open", "", gettext_noop("该证书有一件处理正在办理，办结后才能延续。"))
    yield from supervising.hindrances(certificate)


def _busy(certificate: Certificate) -> Iterator[Problem]:
    if Renewal.objects.open().filter(certificate=certificate.pk).exists():
        yield Problem("renewal_open", "", gettext_noop("该证书的延续正在办理。"))
    project = certificate.application.project
    others = Application.objects.open().exclude(state="draft").filter(
        project__community=project.community_id, project__programme=project.programme_id,
        stage=certificate.application.stage,
    )  # fmt: skip
    other = others.select_related("project").order_by("pk").first()
    if other is not None:
        message = gettext_noop("该小区正在重新申报评价（%(number)s），两者只能办理一件。")
        yield Problem("open_case", "", message, {"number": other.project.number})


def open_for(application: Application) -> Renewal | None:
    """A renewal that is being handled for the community of an application, under the same programme."""
    project = application.project
    case = "certificate__application__project__"
    same = {f"{case}community": project.community_id, f"{case}programme": project.programme_id}
    rows = Renewal.objects.open().filter(**same)
    found: Renewal | None = rows.order_by("pk").first()
    return found


def ask(by: User, certificate: Certificate, statement: str) -> Renewal:
    """Ask that a certificate be renewed. Raises NotAllowed, Refused with everything that stands in the way."""
    if not may_ask_renewal(by, certificate):
        raise NotAllowed("ask_renewal")
    day, problems = timezone.localdate(), []
    if not statement.strip():
        problems.append(Problem("required", "statement", gettext_noop("请说明获证以来的运行情况。")))
    if len(statement) > LONGEST:
        problems.append(Problem("too_long", "statement", gettext_noop("最多 %(most)s 字。"), {"most": LONGEST}))
    with transaction.atomic():
        sanctions.take(certificate.pk)
        now = Certificate.objects.select_related("application__project__programme__standard").get(pk=certificate.pk)
        problems += hindrances(now, day)
        if problems:
            raise Refused(problems)
        programme = now.application.project.programme
        prefix = f"{programme.number_prefix}-YX-{day.year}"
        renewal: Renewal = Renewal.objects.create(
            certificate=now, number=f"{prefix}-{Sequence.take(prefix):05d}", statement=statement.strip(), asked_by=by,
            state="asked", due_on=clock.deadline("renewal_examination", day, programme.pk),
        )  # fmt: skip
        event = audit.record(renewal, "renewal.ask", by=by, role="applicant", number=renewal.number)
        telling_sanctions.tell_renewal(renewal, event)
    return renewal


def last_day_of_renewed(certificate: Certificate, day: date) -> date:
    """The last day of a certificate renewed on ``day``: a whole term from the day after the old one ends, or from
    ``day`` where that is past already, so that neither asking early nor deciding late costs the unit a day.
    """
    starts = max(certificate.valid_until + timedelta(days=1), day)
    return last_day(starts, rule_of(certificate).certificate_years)


def renew(renewal: Renewal, act: Act) -> None:
    """Put a certificate for another term in the place of the old one, at once; inside the act that approves."""
    certificate = renewal.certificate
    valid_until = last_day_of_renewed(certificate, act.day)
    succession.succeed(certificate, act.day, level=certificate.level, valid_until=valid_until, renewal=renewal.number)


@translation.override("zh-hans")
def issue_refusal(renewal: Renewal, act: Act) -> str:
    """Give the document that says why a certificate is not renewed; its number. Inside the act."""
    form, certificate = NoticeForm.objects.get(pk=NoticeKind.NONRENEWAL), renewal.certificate
    content = {
        **issuing.head(certificate.application),
        "title": str(NoticeKind.NONRENEWAL.label),
        "facts": [["证书编号", certificate.number], ["有效期至", certificate.valid_until.isoformat()],
                  ["延续编号", renewal.number]],
        "opening": "你单位申请延续下列证书，经核查和审定，决定如下。",
        "sections": [["决定", form.text], ["理由", renewal.ruling]],
        "remedy": form.remedy,
    }  # fmt: skip
    number = issuing.next_round(certificate.application, NoticeKind.NONRENEWAL)
    return issuing.issue(certificate.application, NoticeKind.NONRENEWAL, act, content, number).number
