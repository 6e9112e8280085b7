"""What makes a demo world worth looking at: things half done, refused, disputed, waiting."""

from __future__ import annotations

from communities import changes, inviting
from communities.models import District, Organisation
from communities.workflow import ORGANISATION
from evaluation import outcome
from evaluation.models import Application
from evaluation.workflow import ASSIGNMENT, OBJECTION
from portal.demo import cases, construction, journey, marks, names, papers, people

INVITED = "new-colleague@example.org"  # somebody without an account


def begin_draft(application: Application) -> None:
    """Half of the documents handed in, two thirds of the items claimed, nothing proved yet."""
    by = people.applicant_of(application.project)
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


def marks_begun(application: Application) -> None:
    """Two sheets are signed, two begun, the rest not touched."""
    for place, assignment in enumerate(people.panel_of(application, "accepted")):
        if place < 4:
            journey.mark_sheet(assignment, share=1.0 if place < 2 else 0.4)
        if place < 2:
            ASSIGNMENT.perform(assignment, "sign", by=assignment.expert.user)


def guidance_begun(application: Application) -> None:
    """First node closed, second with an opinion to be answered, third planned."""
    first, second, third = (node for node, _ in application.project.programme.guidance_nodes)
    construction.guide_at(application.project, first)
    construction.record(construction.plan(application.project, second))
    construction.plan(application.project, third)


def guidance_done(application: Application) -> None:
    construction.guide(application.project)


def objection_made(application: Application) -> None:
    """A resident objects to the notice; intake takes it up."""
    notice = application.notices.latest("pk")
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
