"""Which demo accounts to sign in with, and what each finds waiting: read from the world as it is now."""

from __future__ import annotations

from django.utils import timezone

from evaluation.models import Assignment
from evaluation.work import waiting_on
from experts import standing
from experts.models import Expert
from portal import clock
from portal.demo.people import PASSWORD
from portal.models import User

# username -> (role, what to try where nothing waits)
FIXED = {
    "applicant": ("申报单位经办人", "查看案卷、填报竣工评价"),
    "consultant": ("咨询服务单位", "协助委托单位填报"),
    "intake": ("受理员", "形式审查、核验单位注册"),
    "organiser": ("评价组织员", "抽取专家、组织评审"),
    "supervisor": ("监督员", "共同启动抽取、处理异议、查看留痕"),
    "approver": ("审定人", "审定评审结果"),
    "pool-keeper": ("专家库管理员", "维护专家库"),
    "system-administrator": ("系统管理员", "管理账号"),
    "security-administrator": ("安全管理员", "管理权限与策略"),
    "audit-administrator": ("审计管理员", "查看留痕"),
}
# those of a whole demo world; a smaller one may lack them
ON_THE_WAY = {"candidate-1": ("专家入库申请人", "填写并提交入库申请")}
DISTRICT_OFFICER = ("区县审核员", "出具推荐意见、登记过程指导")
EXPERT = ("专家", "评审邀请与评分")


def accounts() -> list[dict[str, str]]:
    """[{"username", "password", "role", "try"}]: one account a role, and experts who have something to do."""
    wanted = {**FIXED, _district_officer(): DISTRICT_OFFICER} | dict.fromkeys(_experts(), EXPERT)
    there = User.objects.filter(username__in=ON_THE_WAY).values_list("username", flat=True)
    wanted |= {username: ON_THE_WAY[username] for username in there}
    people = User.objects.in_bulk(wanted, field_name="username")
    rows = [(people[username], *words) for username, words in wanted.items()]
    return [
        {"username": user.username, "password": PASSWORD, "role": role, "try": _try(user, words)}
        for user, role, words in rows
    ]


def _district_officer() -> str:
    """The first who has something to do, else the first."""
    officers = User.objects.filter(username__startswith="district-").order_by("pk")
    busy = next((user for user in officers if waiting_on(user)), officers[0])
    return str(busy.username)


def _experts() -> list[str]:
    """A leader with a sheet to mark, another expert with one, one who is invited, one who must confirm; or fewer."""
    marking = Assignment.objects.filter(state="accepted", application__state="review")
    invited = Assignment.objects.filter(state="invited", application__state="inviting")
    due_on = clock.deadline(standing.CONFIRMATION, timezone.localdate())
    due = Expert.objects.filter(state="serving", due_on__lte=due_on).values_list("user__username", flat=True)
    found = [
        rows.order_by("pk").values_list("expert__user__username", flat=True).first()
        for rows in (marking.filter(is_leader=True), marking.filter(is_leader=False), invited)
    ] + [due.order_by("pk").first()]
    return list(dict.fromkeys(name for name in found if name))


def _try(user: User, otherwise: str) -> str:
    waiting = waiting_on(user)
    if not waiting:
        return otherwise
    return f"待办 {len(waiting)} 件，例如{waiting[0].subject}：{waiting[0].sentence}"
