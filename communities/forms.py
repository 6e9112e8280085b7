"""What the pages of accounts, organisations and communities take; what is legal is decided in ``registration``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import Community, District, Membership, Organisation
from communities.registration import CONTACT_FIELDS, IDENTITY_FIELDS, LICENCE_KINDS, ORGANISATION_FIELDS
from communities.sheets import COMMUNITY_FIELDS, COORDINATES, PERMIT_DATES
from communities.wording import SECTIONS
from communities.workflow import STATES
from portal.files import accept_attribute
from portal.models import User
from portal.problems import Problem


class AccountForm(BaseUserCreationForm):
    """A new account; the password is held against the validators of the settings."""

    class Meta:
        model = User
        fields = ("username", "name", "email")
        field_classes = {"username": UsernameField}

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.fields["email"].required = True
        self.fields["email"].label = _("电子邮箱")
        self.fields["email"].help_text = _("通知和期限提醒会发到这里。")
        self.fields["username"].label = _("用户名")
        self.fields["username"].help_text = _("登录用；可用字母、数字和 @ . + - _ 。")
        for name, word in (("username", "username"), ("name", "name"), ("email", "email")):
            self.fields[name].widget.attrs["autocomplete"] = word


def districts() -> Any:
    """Districts whose code is in use today."""
    today = timezone.localdate()
    return District.objects.exclude(valid_until__lt=today)


class RowsForm(forms.ModelForm):
    """Fields made from the columns; unique columns and constraints are left to the domain, which says more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                field.empty_label = _("请选择")
            elif isinstance(field, forms.ChoiceField):
                field.choices = [(value, label if value else _("请选择")) for value, label in field.choices]

    def mark_required(self, *names: str) -> None:
        """Show fields as required that the domain asks for: it then tells everything that is wrong at once."""
        for name in names:
            self.fields[name].is_asked = True
            self.fields[name].widget.attrs["aria-required"] = "true"

    def refill(self, typed: Mapping[str, str]) -> None:
        """Show what was typed instead of what is kept; a box that was not ticked is not among it."""
        self.initial |= {name: typed.get(name, "") for name in self.fields}

    def validate_unique(self) -> None:
        """The domain tells what is taken, without telling whose it is."""

    def validate_constraints(self) -> None:
        """As ``validate_unique``."""

    def _post_clean(self) -> None:
        """The row is written by the domain, never through the form: nothing is put on the instance."""


class OrganisationForm(RowsForm):
    class Meta:
        model = Organisation
        fields = ORGANISATION_FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Typed as it stands on paper, possibly full-width or with spaces: the domain normalises, then judges.
        self.fields["credit_code"] = forms.CharField(
            label=_("统一社会信用代码"), max_length=40, help_text=_("18 位，见营业执照或登记证书；填写后会核对校验位。")
        )
        self.fields["district"].queryset = districts()
        self.fields["district"].required = True
        self.fields["undertaking"].label = _("本单位承诺所填内容真实、所交证照有效")
        self.fields["undertaking"].help_text = _("提交核验前须勾选；填写时可以先保存。")
        self.mark_required("undertaking")


class ContactForm(RowsForm):
    class Meta:
        model = Organisation
        fields = CONTACT_FIELDS


class ChangeForm(OrganisationForm):
    """Identity facts as they shall be, the licence that shows them, and the undertaking anew."""

    class Meta:
        model = Organisation
        fields = (*IDENTITY_FIELDS, "undertaking")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["undertaking"] = False
        self.fields["licence"] = forms.FileField(
            label=_("变更后的营业执照或登记证书"),
            required=False,
            help_text=_("必须上传，PDF 或照片。"),
            widget=forms.ClearableFileInput(attrs={"accept": accept_attribute(LICENCE_KINDS)}),
        )
        self.order_fields([*IDENTITY_FIELDS, "licence", "undertaking"])
        self.fields["undertaking"].help_text = ""
        self.mark_required("licence")


class CommunityForm(RowsForm):
    """Only the columns in ``free`` are asked; a question comes up where the domain raised it."""

    # question -> codes of the problems that raise it, each with the part of the sheet beside which it stands
    QUESTIONS = {
        "is_another": {"namesake": "names", "near": "place"},
        "is_outside": {"outside_district": "place"},
    }

    class Meta:
        model = Community
        fields = COMMUNITY_FIELDS
        widgets = {
            **{name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in PERMIT_DATES},
            **{name: forms.NumberInput(attrs={"step": "0.000001"}) for name in COORDINATES},
        }

    is_another = forms.BooleanField(label=_("确认是另一个小区"), required=False, widget=forms.HiddenInput)
    is_outside = forms.BooleanField(label=_("确认位置无误"), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, free: Collection[str] = COMMUNITY_FIELDS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: dict[str, str] = {}
        for name in set(COMMUNITY_FIELDS) - set(free):
            del self.fields[name]
        if "district" in self.fields:
            self.fields["district"].queryset = districts()

    def ask(self, problems: Iterable[Problem]) -> None:
        """Show the questions that these problems raise, and those that were answered before."""
        codes = {problem.code for problem in problems}
        for name, places in self.QUESTIONS.items():
            place = next((place for code, place in places.items() if code in codes), None)
            if place or self[name].data:
                self.fields[name].widget = forms.CheckboxInput()
                self.asked[name] = place or next(iter(places.values()))

    @property
    def sections(self) -> list[tuple[str, Any, list[forms.BoundField]]]:
        """Parts of the sheet in which something is asked: name, title, fields, the raised questions last."""
        found = []
        for part, title, names in SECTIONS:
            questions = [name for name, place in self.asked.items() if place == part]
            fields = [self[name] for name in (*names, *questions) if name in self.fields]
            if fields:
                found.append((part, title, fields))
        return found


class WorkbookForm(forms.Form):
    """A filled-in template."""

    file = forms.FileField(
        label=_("填好的表格"),
        help_text=_("请用本页的模板填写，XLSX 格式。"),
        widget=forms.ClearableFileInput(attrs={"accept": accept_attribute(["xlsx"])}),
    )


class LicenceForm(forms.Form):
    file = forms.FileField(
        label=_("营业执照或登记证书"),
        help_text=_("PDF 或照片。"),
        widget=forms.ClearableFileInput(attrs={"accept": accept_attribute(LICENCE_KINDS)}),
    )


class InvitationForm(forms.Form):
    whom = forms.CharField(
        label=_("用户名或电子邮箱"),
        max_length=254,
        help_text=_(
            "已有账号的填写用户名；还没有账号的填写电子邮箱，对方会收到注册并加入的链接。平台不告知某个用户名是否存在。"
        ),
    )
    role = forms.ChoiceField(
        label=_("成员角色"),
        choices=Membership.Role,
        initial=Membership.Role.MEMBER,
        help_text=_("单位管理员管理成员和单位信息；经办人登记小区、填报和提交申报。"),
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Membership.Role)


class OrganisationFilter(forms.Form):
    """Search by part of a name or code, and by state."""

    q = forms.CharField(label=_("名称或信用代码"), required=False, max_length=60)
    state = forms.ChoiceField(label=_("状态"), required=False, choices=[("", _("全部")), *STATES.items()])
