"""Districts, organisations and their people, officers, communities: the facts from which every role is read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities import credit_code
from communities.geometry import Box, Point
from portal.models import Attachment, Case, CaseQuerySet, User


def valid_credit_code(value: str) -> None:
    """Form and model validator of GB 32100-2015; the sentence comes from ``credit_code``."""
    problem = credit_code.problem_of(value)
    if problem:
        raise ValidationError(problem.message, code=problem.code, params=dict(problem.params))


class District(models.Model):
    """区县, by its GB/T 2260 code. Codes are never deleted: an abolished one gets ``valid_until``."""

    code = models.CharField(_("代码"), max_length=6, primary_key=True)
    name = models.CharField(_("名称"), max_length=30)
    valid_from = models.DateField(_("启用日期"), null=True, blank=True)
    valid_until = models.DateField(_("停用日期"), null=True, blank=True)

    class Meta:
        verbose_name = _("区县")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return self.name


class Parameter(models.Model):
    """参数: a number that the authority may change, in its unit and with its basis; limits in days are ``Limit``."""

    code = models.CharField(_("代码"), max_length=40, primary_key=True)
    value = models.PositiveIntegerField(_("数值"))
    unit = models.CharField(_("单位"), max_length=20)
    basis = models.TextField(_("依据"))

    class Meta:
        verbose_name = _("参数")
        ordering: ClassVar = ["code"]

    def __str__(self) -> str:
        return f"{self.code} {self.value} {self.unit}"


class PeriodQuerySet(models.QuerySet):
    def on(self, day: date) -> PeriodQuerySet:
        """Relations that hold on ``day``."""
        return self.filter(Q(until=None) | Q(until__gte=day), since__lte=day)


class Organisation(Case):
    """单位, identified by its unified social credit code."""

    class Kind(models.TextChoices):
        DEVELOPER = "developer", _("建设单位")
        PROPERTY = "property", _("物业服务企业")
        CONSULTING = "consulting", _("咨询服务单位")
        COMMUNITY = "community", _("街道或社区")
        OTHER = "other", _("其他")

    credit_code = models.CharField(_("统一社会信用代码"), max_length=18, validators=[valid_credit_code])
    name = models.CharField(_("单位名称"), max_length=120)
    kind = models.CharField(_("单位类型"), max_length=20, choices=Kind)
    district = models.ForeignKey(District, models.PROTECT, null=True, verbose_name=_("注册地区县"))
    address = models.CharField(_("地址"), max_length=200)
    contact = models.CharField(_("联系人"), max_length=60)
    phone = models.CharField(_("联系电话"), max_length=30)
    undertaking = models.BooleanField(_("承诺所填内容真实"), default=False)
    banned_until = models.DateField(_("限制申报至"), null=True, blank=True)
    members = models.ManyToManyField(User, through="Membership", related_name="organisations")

    class Meta:
        verbose_name = _("单位")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["credit_code"], condition=~Q(state="lapsed"), name="one_unit_a_credit_code")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("organisation", args=[self.pk])

    def may_apply(self, day: date) -> bool:
        """Active and not under a ban on ``day``."""
        return self.state == "active" and (self.banned_until is None or self.banned_until < day)


class ChangeQuerySet(CaseQuerySet):
    def former_codes(self, organisations: Iterable[int]) -> list[str]:
        """Credit codes that these organisations bore before an approved change: conflicts outlive a change of code."""
        approved = self.filter(organisation__in=list(organisations), state="approved").order_by("pk")
        return [before["credit_code"] for before in approved.values_list("before", flat=True)]


class OrganisationChange(Case):
    """单位信息变更 of an active unit: identity facts as they were and as they shall be. Until approved, the old ones hold."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="changes", verbose_name=_("单位"))
    before: Any = models.JSONField(_("变更前"))  # column -> value, the district by its code
    after: Any = models.JSONField(_("变更后"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("申请人"))
    asked_at = models.DateTimeField(_("申请时间"), default=timezone.now)

    objects: ClassVar[Any] = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("单位信息变更")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation"], condition=Q(state="waiting"), name="one_waiting_change")
        ]

    def __str__(self) -> str:
        return f"{self.organisation} · {_('单位信息变更')}"

    @property
    def thread(self) -> str:
        return f"{self.organisation._meta.label_lower}:{self.organisation_id}"

    def get_absolute_url(self) -> str:
        return reverse("organisation-change", args=[self.pk])


class LicenceQuerySet(models.QuerySet):
    def in_force(self) -> LicenceQuerySet:
        """Licences handed in with the registration or with an approved change, newest first."""
        return self.filter(Q(change=None) | Q(change__state="approved")).order_by("-pk")


class Licence(Attachment):
    """营业执照, one current file an organisation; older ones stay. One of a ``change`` counts once that is approved."""

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="licences")
    change = models.ForeignKey(OrganisationChange, models.CASCADE, null=True, related_name="licences")

    objects: ClassVar[Any] = LicenceQuerySet.as_manager()


# columns that say that nobody has answered an invitation
UNANSWERED: dict[str, None] = {"accepted_at": None, "declined_at": None, "withdrawn_at": None}


class Membership(models.Model):
    """成员: this person acts for this organisation from ``since`` to ``until``."""

    class Role(models.TextChoices):
        ADMINISTRATOR = "administrator", _("单位管理员")
        MEMBER = "member", _("经办人")

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="memberships")
    role = models.CharField(_("成员角色"), max_length=20, choices=Role)
    since = models.DateField(_("起"))
    until = models.DateField(_("止"), null=True, blank=True)

    objects: ClassVar = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("成员")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "organisation"], condition=Q(until=None), name="one_open_membership"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.organisation}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self.user.__dict__.pop("_memberships", None)  # what permissions.memberships_of keeps


class InvitationQuerySet(models.QuerySet):
    def unanswered(self) -> InvitationQuerySet:
        """Neither accepted, declined nor withdrawn; an expired one is among them and can be sent again."""
        return self.filter(**UNANSWERED)

    def open(self, now: datetime) -> InvitationQuerySet:
        """Unanswered and not expired at ``now``: what may still be accepted."""
        return self.unanswered().filter(expires_at__gt=now)


class Invitation(models.Model):
    """邀请 to act for a unit: to an account, or to an e-mail address with a secret link of which only the digest is kept.

    One by user name looks the same whether somebody bears the name (``invitee``) or nobody does: it then waits unread.
    """

    organisation = models.ForeignKey(Organisation, models.CASCADE, related_name="invitations")
    invitee = models.ForeignKey(User, models.CASCADE, null=True, related_name="invitations", verbose_name=_("受邀账号"))
    username = models.CharField(_("用户名"), max_length=150, blank=True)  # as typed; empty where an address is invited
    email = models.EmailField(_("电子邮箱"), blank=True)  # lower case; empty where a user name is invited
    role = models.CharField(_("成员角色"), max_length=20, choices=Membership.Role)
    digest = models.CharField(max_length=64, blank=True, db_index=True)  # SHA-256 of the secret in the link
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("邀请人"))
    created_at = models.DateTimeField(_("邀请时间"), default=timezone.now)
    sent_at = models.DateTimeField(_("最近发送时间"), default=timezone.now)
    expires_at = models.DateTimeField(_("有效期至"))
    accepted_at = models.DateTimeField(_("接受时间"), null=True)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", verbose_name=_("接受人"))
    declined_at = models.DateTimeField(_("谢绝时间"), null=True)
    withdrawn_at = models.DateTimeField(_("撤回时间"), null=True)

    objects: ClassVar[Any] = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("成员邀请")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(invitee=None, username="", digest__gt="", email__gt="")
                | Q(username__gt="", digest="", email=""),
                name="invited_by_name_or_mail",
            ),
            models.UniqueConstraint(
                fields=["organisation", "username"], condition=Q(username__gt="", **UNANSWERED),
                name="one_invitation_a_name",
            ),
            models.UniqueConstraint(
                fields=["organisation", "email"], condition=Q(email__gt="", **UNANSWERED),
                name="one_invitation_a_mailbox",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.whom} · {self.organisation}"

    @property
    def whom(self) -> str:
        """Who is invited, as the unit named them: nobody learns a person's name by guessing user names."""
        return self.username or self.email


class Officer(models.Model):
    """主管人员: this person holds this duty (for this district) from ``since`` to ``until``."""

    class Duty(models.TextChoices):
        DISTRICT_OFFICER = "district_officer", _("区县审核员")
        INTAKE = "intake", _("受理员")
        ORGANISER = "organiser", _("评价组织员")
        APPROVER = "approver", _("审定人")
        SUPERVISOR = "supervisor", _("监督员")
        POOL_KEEPER = "pool_keeper", _("专家库管理员")
        SYSTEM_ADMINISTRATOR = "system_administrator", _("系统管理员")
        SECURITY_ADMINISTRATOR = "security_administrator", _("安全管理员")
        AUDIT_ADMINISTRATOR = "audit_administrator", _("审计管理员")

    user = models.ForeignKey(User, models.CASCADE, related_name="duties")
    duty = models.CharField(_("职责"), max_length=30, choices=Duty)
    district = models.ForeignKey(District, models.PROTECT, null=True, blank=True, verbose_name=_("区县"))
    since = models.DateField(_("起"))
    until = models.DateField(_("止"), null=True, blank=True)
    basis = models.TextField(_("依据"), blank=True)

    objects: ClassVar = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name = _("主管人员")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(duty="district_officer", district__isnull=False) | ~Q(duty="district_officer"),
                name="district_officer_has_district",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_duty_display()}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self.user.__dict__.pop("_duties", None)  # what permissions.duties_of keeps

    @property
    def thread(self) -> str:
        """Duties of one person are read together with their account."""
        return f"portal.user:{self.user_id}"


class StandInQuerySet(CaseQuerySet):
    def in_force(self, day: date) -> StandInQuerySet:
        """Agreed ones that hold on ``day``: a duty that has ended is stood in for by nobody, and by nobody who left office."""
        held = Officer.objects.on(day)
        agreed = self.filter(state="agreed", since__lte=day, until__gte=day)
        return agreed.filter(officer__in=held, person__in=held.values("user"))

    def open(self) -> StandInQuerySet:
        """Asked or agreed, whenever they begin."""
        return self.filter(state__in=("asked", "agreed"))


class StandIn(Case):
    """代理: while ``officer`` is away, ``person`` acts in that duty, from ``since`` to ``until``, both included."""

    officer = models.ForeignKey(Officer, models.PROTECT, related_name="stand_ins", verbose_name=_("被代理人及职责"))
    person = models.ForeignKey(User, models.PROTECT, related_name="stands_in", verbose_name=_("代理人"))
    since = models.DateField(_("起"))
    until = models.DateField(_("止"))
    reason = models.TextField(_("事由"))
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("提出人"))
    asked_at = models.DateTimeField(_("提出时间"), default=timezone.now)

    objects: ClassVar[Any] = StandInQuerySet.as_manager()

    class Meta:
        verbose_name = _("代理")
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(until__gte=models.F("since")), name="stand_in_ends_after_it_begins")
        ]
        indexes: ClassVar = [models.Index(fields=["person", "until"], name="stand_in_person")]

    def __str__(self) -> str:
        words = {"person": self.person, "absent": self.officer.user, "duty": self.officer.get_duty_display()}
        return gettext("%(person)s代%(absent)s（%(duty)s）") % words

    def get_absolute_url(self) -> str:
        return reverse("stand-in", args=[self.pk])


class CommunityQuerySet(models.QuerySet):
    def within(self, box: Box) -> CommunityQuerySet:
        """Communities whose point lies in the box."""
        return self.filter(
            latitude__gte=box.south, latitude__lte=box.north, longitude__gte=box.west, longitude__lte=box.east
        )


class Community(models.Model):
    """小区: the thing that is judged. Areas in square metres, heights in metres, coordinates in degrees (WGS 84)."""

    organisation = models.ForeignKey(
        Organisation, models.PROTECT, related_name="communities", verbose_name=_("申报单位")
    )
    name = models.CharField(_("小区名称"), max_length=80, help_text=_("与规划许可一致的项目名称；分期建设的写明期数。"))
    district = models.ForeignKey(District, models.PROTECT, verbose_name=_("区县"))
    address = models.CharField(_("地址"), max_length=200, help_text=_("街道（镇）、路名和门牌号；没有门牌号的写四至。"))
    latitude = models.DecimalField(
        _("纬度（度）"), max_digits=9, decimal_places=6, null=True, blank=True,
        help_text=_("北纬，WGS-84 坐标，最多 6 位小数，如 29.563010。"),
    )  # fmt: skip
    longitude = models.DecimalField(
        _("经度（度）"), max_digits=9, decimal_places=6, null=True, blank=True,
        help_text=_("东经，WGS-84 坐标，最多 6 位小数，如 106.551556。"),
    )  # fmt: skip
    site_area = models.DecimalField(
        _("用地面积（平方米）"), max_digits=12, decimal_places=2, null=True, blank=True,
        help_text=_("建设用地面积，见建设工程规划许可证。"),
    )  # fmt: skip
    floor_area = models.DecimalField(
        _("总建筑面积（平方米）"), max_digits=12, decimal_places=2, help_text=_("含地下建筑面积。")
    )
    underground_area = models.DecimalField(
        _("地下建筑面积（平方米）"), max_digits=12, decimal_places=2, null=True, blank=True,
        help_text=_("没有地下室的填 0。"),
    )  # fmt: skip
    green_ratio = models.DecimalField(
        _("绿地率（%）"), max_digits=5, decimal_places=2, null=True, blank=True,
        help_text=_("绿地占用地面积的百分比，如 35.5。"),
    )  # fmt: skip
    green_area = models.DecimalField(
        _("集中绿地面积（平方米）"), max_digits=12, decimal_places=2, null=True, blank=True,
        help_text=_("评价标准中灌溉等条目以此判断是否适用；没有的填 0。"),
    )  # fmt: skip
    households = models.PositiveIntegerField(_("户数"), help_text=_("规划住宅总户数。"))
    buildings = models.PositiveIntegerField(_("楼栋数"), help_text=_("住宅楼栋数，不计门卫、配电等附属用房。"))
    highest = models.DecimalField(
        _("最高建筑高度（米）"), max_digits=6, decimal_places=2, null=True, blank=True,
        help_text=_("最高一栋住宅的建筑高度；评价标准中高层住宅的条目以此判断是否适用。"),
    )  # fmt: skip
    lifts = models.PositiveIntegerField(
        _("电梯数（部）"), null=True, blank=True,
        help_text=_("评价标准中电梯的条目以此判断是否适用；没有电梯的填 0。"),
    )  # fmt: skip
    parking_spaces = models.PositiveIntegerField(
        _("机动车停车位（个）"), null=True, blank=True, help_text=_("地上、地下合计；没有的填 0。")
    )
    planning_permit_number = models.CharField(_("建设工程规划许可证编号"), max_length=60, blank=True)
    planning_permit_on = models.DateField(_("建设工程规划许可证日期"), null=True, blank=True)
    drawing_review_number = models.CharField(_("施工图审查合格书编号"), max_length=60, blank=True)
    drawing_review_on = models.DateField(_("施工图审查合格日期"), null=True, blank=True)
    construction_permit_number = models.CharField(_("施工许可证编号"), max_length=60, blank=True)
    construction_permit_on = models.DateField(_("施工许可证日期"), null=True, blank=True)
    completion_number = models.CharField(
        _("竣工验收备案编号"), max_length=60, blank=True, help_text=_("尚未竣工的，竣工后补填编号和日期。")
    )
    completed_on = models.DateField(_("竣工验收日期"), null=True, blank=True)

    objects: ClassVar[Any] = CommunityQuerySet.as_manager()

    class Meta:
        verbose_name = _("小区")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organisation", "name", "district"], name="community_once_an_applicant")
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("community", args=[self.pk])

    @property
    def point(self) -> Point | None:
        """Where it lies, or None while that was not said."""
        if self.latitude is None or self.longitude is None:
            return None
        return Point(float(self.latitude), float(self.longitude))


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def live(self, now: datetime) -> AccessTokenQuerySet:
        """Tokens that open something at ``now``: neither revoked nor expired."""
        return self.filter(revoked_at=None, expires_at__gt=now)


class AccessToken(models.Model):
    """接口令牌: lets a program act for one person, within scopes, perhaps for one organisation only, until a day.

    Of the secret only the digest is kept, and its first characters, by which its owner knows it again.
    """

    user = models.ForeignKey(User, models.CASCADE, related_name="access_tokens")
    name = models.CharField(_("名称"), max_length=60)
    organisation = models.ForeignKey(
        Organisation, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("限于单位")
    )
    scopes = models.JSONField(_("范围"), default=list)  # keys of access.SCOPES
    digest = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(_("开头"), max_length=12)
    by_password = models.BooleanField(default=False)  # got from the API by user name and password
    created_at = models.DateTimeField(_("生成时间"))
    expires_at = models.DateTimeField(_("有效期至"))
    last_used_at = models.DateTimeField(_("最近使用"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("撤销时间"), null=True, blank=True)

    objects: ClassVar = AccessTokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("接口令牌")
        indexes: ClassVar = [models.Index(fields=["user", "-created_at"], name="access_token_user")]

    def __str__(self) -> str:
        return f"{self.name}（{self.prefix}…）"
