"""The pool at work: a published call of the past, a call that runs with admissions on their way, experts who are due.

Hides: that the published list is the pool of experts as it was admitted, written in bulk and not act by act.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from django.utils import timezone

from communities.models import District
from experts import admitting, calls
from experts.models import Admission, Call, Expert, Field
from experts.workflow import ADMISSION, EXPERT
from portal import clock
from portal.demo import days, names, papers, people
from portal.models import Sequence as Counting
from portal.models import User
from portal.workdays import years_later

LISTED = 30  # people on the published list
CONDITIONS = """一、遵纪守法，坚持原则，能够客观公正、廉洁自律地履行职责。
二、具有大学本科以上学历、高级以上专业技术职称，从事相关专业工作满八年。
三、熟悉智慧小区、建筑智能化、物联网、信息安全等领域的法规政策和技术标准。
四、身体健康，能够按时参加评审；所在单位出具同意书。

以上为示例文本，不代表主管部门的实际要求。"""


def make_calls(districts: Sequence[District]) -> None:
    """Both calls, and what waits of the one that runs."""
    today = timezone.localdate()
    Counting.objects.update_or_create(name="expert", defaults={"value": Expert.objects.count()})
    first_call(date(today.year - 2, 10, 1))
    with days.as_of(days.at(days.workdays_before(today, 10)[0], 9, 30)):
        running = announce("示例市智慧小区评价专家增补征集", timezone.localdate(), today + timedelta(days=20))
    with days.as_of(days.at(days.workdays_before(today, 2)[0], 14, 10)):
        three_apply(running, districts)


def announce(title: str, opens_on: date, closes_on: date) -> Call:
    values = {"title": title, "conditions": CONDITIONS, "opens_on": opens_on, "closes_on": closes_on}
    return calls.open_call(people.officer("pool_keeper"), {**values, "term_years": 3, "fields_at_most": 3})


def first_call(day: date) -> None:
    """The call from which the pool came, with its published list."""
    closes_on = day + timedelta(days=30)
    with days.as_of(days.at(day, 9, 30)):
        call = announce("示例市第一批智慧小区评价专家征集", day, closes_on)
    decided = days.at(closes_on + timedelta(days=20), 10, 0)
    experts = list(Expert.objects.select_related("user").prefetch_related("fields").order_by("number")[:LISTED])
    rows = Admission.objects.bulk_create(
        Admission(
            call=call, user=one.user, expert=one, state="admitted", state_since=decided, handed_in_at=decided,
            **{name: getattr(one, name) for name in admitting.SAID},
        )
        for one in experts
    )  # fmt: skip
    link = Admission.fields.through
    link.objects.bulk_create(
        link(admission=row, field=field) for row, one in zip(rows, experts, strict=True) for field in one.fields.all()
    )
    with days.as_of(days.at(closes_on + timedelta(days=30), 10, 0)):
        calls.publish_admitted(people.officer("pool_keeper"), call)


def three_apply(call: Call, districts: Sequence[District]) -> None:
    """One is filled in, one waits for the first pair of eyes, one for the second."""
    for number in (1, 2, 3):
        person = people.user(f"candidate-{number}", f"示例申请人{'甲乙丙'[number - 1]}")
        person.save()
        admission = admitting.open_admission(person, call)
        say(person, admission, number, districts[number])
        if number > 1:
            prove(person, admission)
            ADMISSION.perform(admission, "submit", by=person)
        if number > 2:
            opinion = "示例：学历、职称、单位同意书齐全，信用代码核对无误，符合条件。"
            keeper = people.officer("pool_keeper")
            ADMISSION.perform(admission, "vet", by=keeper, conclusion="admit", opinion=opinion)


def say(person: User, admission: Admission, number: int, district: District) -> None:
    said = {
        "education": "硕士研究生（通信工程）",
        "title": "高级工程师",
        "experience_years": 8 + number,
        "employer": names.employer(70 + number),
        "employer_code": names.code(district.pk, "E", 170 + number),
        "district": district,
        "statement": "示例：主持过三个住宅小区的智能化设计。",
        "fields": Field.objects.order_by("pk")[number : number + 2],
    }
    admitting.change_admission(person, admission, said)


def prove(person: User, admission: Admission) -> None:
    for proves, title in (("education", "学历证书"), ("title", "职称证书"), ("consent", "单位同意书")):
        admitting.add_proof(person, admission, proves, papers.pdf(title, f"{person} {admission.employer}"))


def some_stand_aside(day: date) -> None:
    """Two paused experts, one whose term is over and one of unknown employer: what a draw must show as excluded."""
    first, second, over, unknown = Expert.objects.order_by("-number")[:4]
    until = date(day.year + 1, 6, 30)
    for one in (first, second):
        reason = "示例：本人出国进修，申请暂停。"
        EXPERT.perform(one, "pause", by=people.officer("pool_keeper"), reason=reason, until=until)
    Expert.objects.filter(pk=over.pk).update(term_until=date(day.year - 1, 12, 31), due_on=None)
    Expert.objects.filter(pk=unknown.pk).update(employer="", employer_code="")


def one_is_due(day: date) -> Expert:
    """Somebody of the pool must confirm within two weeks."""
    due_on = clock.calendar().add_workdays(day, 10).date
    confirmed_on = years_later(day, -1) - timedelta(days=14)
    row = Expert.objects.order_by("-number")[4]
    Expert.objects.filter(pk=row.pk).update(due_on=due_on, confirmed_on=confirmed_on)
    return row
