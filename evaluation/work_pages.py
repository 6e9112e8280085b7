"""My work page by page: of an officer's thousand cases as many are read as one page shows, and all are counted by kind.

Hides: that the cases a person holds are counted and cut by the database, while everything else that waits on them is little
and read whole, and how the two are put in one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from evaluation import work
from evaluation.permissions import may_see_queue
from evaluation.work import Waiting, urgency
from portal.models import User

PAGE_SIZE = 25
# beginning of the key of a thing -> what its kind is called
KINDS: Mapping[str, str] = {
    "application": gettext_noop("专家组组长办理"),
    "assignment": gettext_noop("专家评审"),
    "conflict": gettext_noop("专家回避"),
    "question": gettext_noop("专家质询"),
    "rating": gettext_noop("履职评价"),
    "guidance": gettext_noop("过程指导"),
    "sanction": gettext_noop("证书处理"),
    "renewal": gettext_noop("证书延续"),
    "organisation": gettext_noop("单位"),
    "invitation": gettext_noop("成员邀请"),
    "engagement": gettext_noop("咨询委托"),
    "objection": gettext_noop("异议"),
    "stand": gettext_noop("代理"),
    "admission": gettext_noop("专家入库"),
    "pool": gettext_noop("专家库导入"),
    "expert": gettext_noop("专家资格"),
    "held": gettext_noop("待发消息"),
    "late": gettext_noop("新增问题"),
    "officer": gettext_noop("经办人员回避"),
    "operating": gettext_noop("年度运营报告"),
    "inspection": gettext_noop("抽查"),
    "rectification": gettext_noop("抽查整改"),
}
OTHER = gettext_noop("其他")


@dataclass(frozen=True, slots=True)
class Kind:
    """How many things of one kind wait. link: where they stand in a list of their own, "" for nowhere."""

    label: str
    count: int
    link: str = ""


class MyWork(Paginator):
    """Pages of what waits on one person: the same things in the same order as ``work.waiting_on``."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.beside = work.beside_cases(user)
        states = work.to_act(user).order_by().values_list("state").annotate(Count("pk"))
        self.by_state: dict[str, int] = dict(states)
        super().__init__(range(sum(self.by_state.values()) + len(self.beside)), PAGE_SIZE)

    def page(self, number: int | str) -> Page:
        page = super().page(number)
        first = page.start_index() - 1 if self.count else 0
        page.object_list = self._between(first, first + PAGE_SIZE)
        return page

    def _between(self, first: int, last: int) -> list[Waiting]:
        """The things from place ``first`` on: before it stand at most as many other things as there are."""
        skipped = max(first - len(self.beside), 0)
        rows = work.cases_held_by(self.user)[skipped:last] if self.by_state else []
        cases = [work.row_of(self.user, row) for row in rows]
        # What comes before the first case that was read has its place before it, whatever was not read.
        early = [row for row in self.beside if cases and urgency(row) < urgency(cases[0])] if skipped else []
        late = self.beside[len(early) :]
        placed = sorted([*cases, *late], key=urgency)
        begin = first - skipped - len(early)
        return placed[begin : begin + last - first]

    def kinds(self) -> list[Kind]:
        """Cases by what is to be done, then everything else by kind; in the order of the process."""
        sees_queue = may_see_queue(self.user)
        found = [
            Kind(_(words), self.by_state[state], f"{reverse('queue')}?show=mine&state={state}" if sees_queue else "")
            for state, words in work.NEXT.items()
            if state in self.by_state
        ]
        names = [KINDS.get(row.key.partition("-")[0], OTHER) for row in self.beside]
        return found + [
            Kind(_(name), names.count(name)) for name in dict.fromkeys([*KINDS.values(), OTHER]) if name in names
        ]
