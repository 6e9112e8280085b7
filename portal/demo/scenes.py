"""What makes a demo world worth looking at: things half done, refused, disputed, waiting."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle

from django.utils import timezone

from communities import changes, inviting
from communities.models import District, Organisation
from communities.workflow import ORGANISATION
from evaluation import asking, discussing, engaging, notice_versions, outcome, rating
from evaluation.models import Application, PublicNotice
from evaluation.workflow import ASSIGNMENT, OBJECTION, QUESTION
from portal.accounts import Confirmed
from portal.demo import cases, construction, days, journey, marks, names, papers, people

INVITED = "new-colleague@example.org"  # somebody without an account


def begin_draft(application: Application) -> None:
    """Half of the documents handed in, two thirds of the items claimed, nothing proved yet; a consulting unit is asked."""
    by = people.applicant_of(application.project)
    units = Organisation.objects.filter(kind="consulting", state="active").exclude(pk__in=application.project.advising)
    for unit in units.order_by("pk")[:1]:
        engaging.offer(by, application.project, unit.credit_code, "协助自评、整理佐证材料")
    documents = application.standard.stage(application.stage).documents
    for document in documents[: len(documents) // 2]:
        cases.hand_in(by, application, document)
    random = journey.random_of(application)
    claimed = marks.self_marks(application.standard, application.stage, application.project.target_level, random)
    some = list(claimed)[: len(claimed) * 2 // 3]
    cases.claim(by, application, {code: claimed[code] for code in some})


def one_declines(application: Application) -> None:
    """One expert declines, one declares a conflict, one accepts; the others have not answered."""
    first, second, third, *_ = people.panel_of(application, "invited")
    ASSIGNMENT.perform(first, "decline", by=first.expert.user, reason="示例：当周在外地出差。")
    ASSIGNMENT.perform(second, "recuse", by=second.expert.user, reason="示例：近两年曾为该项目提供技术咨询。")
    ASSIGNMENT.perform(third, "accept", by=third.expert.user, no_conflict=True)
    journey.fill_seats(application)


def marks_begun(application: Application) -> None:
    """Two sheets are signed, two begun, the rest not touched."""
    for place, assignment in enumerate(people.panel_of(application, "accepted")):
        if place < 4:
            journey.mark_sheet(assignment, share=1.0 if place < 2 else 0.4)
        if place < 2:
            ASSIGNMENT.perform(
                assignment, "sign", by=assignment.expert.user, **journey.signature(assignment.expert.user)
            )


def marks_and_questions(application: Application) -> None:
    """As ``marks_begun``; one question was answered, one waits for the applicant, one for the organiser; two talk."""
    marks_begun(application)
    signed = people.panel_of(application, "signed")
    if len(signed) > 1:
        discussing.post(
            signed[0].expert.user, application, "示例：安防部分的图纸与清单对得上，弱电间的数量请大家再看一下。"
        )
    open_sheets = people.panel_of(application, "accepted")
    items = [item.code for item in application.standard.items(application.stage) if item.kind == "scored"]
    texts = (
        "示例：请说明平台与公安视频专网的对接方式。",
        "示例：请说明弱电间的数量和位置。",
        "示例：电梯困人报警由谁值守？",
    )
    asked = [
        asking.ask(seat.expert.user, seat, code, text)
        for seat, code, text in zip(cycle(open_sheets), items[:3], texts, strict=False)
    ]
    QUESTION.perform(asked[0], "forward", by=people.officer("organiser"), text=asked[0].text)
    answer = "示例：通过区级共享平台以标准接口对接，接口清单见平台方案第 12 页。"
    QUESTION.perform(asked[0], "answer", by=people.applicant_of(application.project), answer=answer)
    (lately,) = days.workdays_before(timezone.localdate(days.REAL_NOW()), 1)
    with days.as_of(days.at(lately, 9, 30)):  # what waits is not overdue yet
        QUESTION.perform(asked[1], "forward", by=people.officer("organiser"), text=asked[1].text)


def rate_panel(application: Application) -> None:
    """The organiser rates everyone who sat; whoever is rated low answers."""
    parts = rating.maxima()
    for seat in rating.members(application):
        seat.application = application
        chance = names.chance("rating", application.project.number, application.stage, seat.expert.number)
        late = chance.random() < 0.1
        points = {part: most - chance.randrange(most * 3 // 4 if late else 5) for part, most in parts.items()}
        poor = sum(points.values()) < rating.remark_below()
        remark = "示例：评分表两次逾期，理由过于简单。" if poor else ""
        row = rating.rate(people.officer("organiser"), seat, remark=remark, **points)
        if poor:
            rating.reply(seat.expert.user, row, "示例：第一次逾期系住院，已向评价组织员说明。")


def guidance_begun(application: Application) -> None:
    """First node closed, second with an opinion to be answered, third planned; a major change is being examined."""
    first, second, third = (node for node, _ in application.project.programme.guidance_nodes)
    today = timezone.localdate(days.REAL_NOW())
    construction.give_schedules(application.project)
    construction.guide_at(application.project, first)
    construction.record(construction.plan(application.project, second), today + timedelta(days=10))
    construction.plan(application.project, third, today + timedelta(days=10))
    (lately,) = days.workdays_before(today, 1)
    with days.as_of(max(timezone.now(), days.at(lately, 9, 30))):  # what waits is not overdue yet
        construction.declare_change(application.project)


def guidance_done(application: Application) -> None:
    construction.guide(application.project)


def objection_made(application: Application) -> None:
    """A typo of the notice was corrected, one objection was answered in public, and another is looked into."""
    notice = application.notices.latest("pk")
    correction_made(notice)
    objection_answered(notice)
    objection = outcome.file_objection(
        notice,
        {
            "kind": "person",
            "name": "示例居民甲",
            "identity": "示例证件号码001",
            "contact": "resident@example.org",
            "text": "示例：公示所称“高空抛物监测全覆盖”与现场不符，7 号楼西侧未见设备。",
        },
        [papers.photo("异议照片", notice.number)],
    )
    OBJECTION.perform(objection, "accept", by=people.officer("intake"))


def correction_made(notice: PublicNotice) -> None:
    approver, last = people.officer("approver"), notice_versions.newest(notice)
    facts = {"address": f"{last.figures['address']}（1—{last.figures['buildings']} 幢）"}
    reason = "示例：首次发布时漏写幢号。"
    notice_versions.correct(approver, notice, facts, reason, Confirmed(approver.pk), last.sha256)


def objection_answered(notice: PublicNotice) -> None:
    supervisor = people.officer("supervisor")
    objection = outcome.file_objection(
        notice,
        {
            "kind": "person",
            "name": "示例居民乙",
            "identity": "示例证件号码002",
            "contact": "neighbour@example.org",
            "text": "示例：公示的车位充电设施数量与物业张贴的不一致。",
        },
        [],
    )
    OBJECTION.perform(objection, "accept", by=people.officer("intake"))
    OBJECTION.perform(
        objection, "reject", by=supervisor, reply="示例：已到场清点，充电设施数量与申报材料一致，张贴的是上一年度的数字。",
        public_reply="示例：已到场清点，充电设施数量与申报材料一致，评分无误。",
    )  # fmt: skip


def registrations_waiting(districts: list[District]) -> None:
    """One unit waits for verification, one was sent back."""
    waiting, returned = (_registering(number, districts[number]) for number in (8, 9))
    ORGANISATION.perform(waiting, "submit", by=people.administrator_of(waiting))
    ORGANISATION.perform(returned, "submit", by=people.administrator_of(returned))
    ORGANISATION.perform(returned, "return", by=people.officer("intake"), reason="示例：营业执照照片模糊，请重新上传。")


def units_at_work(first: Organisation, second: Organisation) -> None:
    """Somebody acts for both units, two are invited to the first, and the second waits to be called by a new name."""
    colleague = people.user("colleague", "示例经办人丁")
    colleague.save()
    for unit, role in ((first, "member"), (second, "administrator")):
        inviting.accept(colleague, inviting.invite(people.administrator_of(unit), unit, colleague.username, role))
    for whom in (INVITED, "newcomer-1"):
        inviting.invite(people.administrator_of(first), first, whom, "member")
    name = f"{second.name.removesuffix('有限公司')}集团有限公司"
    values = {**changes.facts(second), "district": second.district, "name": name, "undertaking": True}
    licence = papers.pdf("营业执照", f"{name} {second.credit_code}")
    changes.propose_change(people.administrator_of(second), second, values, licence)


def _registering(number: int, district: District) -> Organisation:
    administrator = people.user(f"newcomer-{number - 7}", f"示例新单位经办人{number - 7}")
    administrator.save()
    return people.register(administrator, number, "developer", names.developer(number), district)
