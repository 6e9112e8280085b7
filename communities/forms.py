"""What the pages of accounts, organisations and communities take; what is legal is decided in ``registration``."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from communities.models import Community, District, Membership, Organisation
from communities.registration import LICENCE_KINDS, ORGANISATION_FIELDS
from communities.sheets import COMMUNITY_FIELDS, PERMIT_DATES
from communities.workflow import STATES
from portal.files import accept_attribute
from portal.models import User


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


class _Rows(forms.ModelForm):
    """Fields made from the columns; unique columns and constraints are left to the domain, which says more."""

    def validate_unique(self) -> None:
        """The domain tells what is taken, without telling whose it is."""

    def validate_constraints(self) -> None:
        """As ``validate_unique``."""

    def _post_clean(self) -> None:
        """The row is written by the domain, never through the form: nothing is put on the instance."""


class OrganisationForm(_Rows):
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


class CommunityForm(_Rows):
    """Only the columns in ``free`` are asked; the question about a namesake comes up where the domain raised it."""

    class Meta:
        model = Community
        fields = COMMUNITY_FIELDS
        widgets = {name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in PERMIT_DATES}

    is_another = forms.BooleanField(label=_("确认是另一个小区"), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, free: Collection[str] = COMMUNITY_FIELDS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(COMMUNITY_FIELDS) - set(free):
            del self.fields[name]
        if "district" in self.fields:
            self.fields["district"].queryset = districts()

    def ask_whether_another(self) -> None:
        """Show the question below the name, unticked or as it was answered."""
        self.fields["is_another"].widget = forms.CheckboxInput()
        self.order_fields(["name", "is_another"])


class LicenceForm(forms.Form):
    file = forms.FileField(
        label=_("营业执照或登记证书"),
        help_text=_("PDF 或照片。"),
        widget=forms.ClearableFileInput(attrs={"accept": accept_attribute(LICENCE_KINDS)}),
    )


class MemberForm(forms.Form):
    username = forms.CharField(label=_("用户名"), max_length=150, help_text=_("请对方先注册账号，再把用户名告诉您。"))
    role = forms.ChoiceField(label=_("成员角色"), choices=Membership.Role, initial=Membership.Role.MEMBER)


class OrganisationFilter(forms.Form):
    """Search by part of a name or code, and by state."""

    q = forms.CharField(label=_("名称或信用代码"), required=False, max_length=60)
    state = forms.ChoiceField(label=_("状态"), required=False, choices=[("", _("全部")), *STATES.items()])
