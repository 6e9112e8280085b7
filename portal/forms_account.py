"""What the pages of one's own account take; what is legal is decided by the domain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from communities import access
from communities.models import Organisation
from communities.permissions import memberships_of
from portal import accounts
from portal.message_kinds import DELIVERIES, KINDS
from portal.models import User

DAYS = ((30, _("30 天")), (90, _("90 天")), (180, _("180 天")), (366, _("一年")))


class OwnAccountForm(forms.ModelForm):
    """Name, e-mail, telephone, language; the password only where the e-mail becomes another."""

    password = forms.CharField(
        label=_("当前密码"), required=False, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text=_("只在更改电子邮箱时需要。"),
    )  # fmt: skip
    required_css_class = "required"

    class Meta:
        model = User
        fields = ("name", "email", "phone", "language")

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data, instance=User.objects.get(pk=user.pk))
        self.fields["email"].required = True
        self.fields["email"].label = _("电子邮箱")
        for name, word in (("name", "name"), ("email", "email"), ("phone", "tel")):
            self.fields[name].widget.attrs["autocomplete"] = word

    def _post_clean(self) -> None:
        """The row is written by the domain, never through the form."""


class OwnPasswordForm(PasswordChangeForm):
    """Django's form, in words of ours."""

    required_css_class = "required"

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields["old_password"].label = _("当前密码")
        self.fields["new_password1"].label = _("新密码")
        self.fields["new_password2"].label = _("再输入一次新密码")
        self.fields["new_password2"].help_text = ""

    def clean_old_password(self) -> str:
        """As Django's, but asked only so often."""
        password: str = self.cleaned_data["old_password"]
        if not accounts.password_is_right(self.user, password):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


class FirstPasswordForm(SetPasswordForm):
    """Django's form, in words of ours; the rules stand beside the field."""

    required_css_class = "required"

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields["new_password1"].label = _("密码")
        self.fields["new_password2"].label = _("再输入一次密码")
        self.fields["new_password2"].help_text = ""


class DeliveryForm(forms.Form):
    """One choice for each kind of message that is not required."""

    def __init__(self, chosen: dict[str, str], data: Any = None) -> None:
        super().__init__(data)
        choices = [(code, gettext(label)) for code, label in DELIVERIES.items()]
        for code, kind in KINDS.items():
            if not kind.required:
                self.fields[code] = forms.ChoiceField(
                    label=gettext(kind.label), choices=choices, initial=chosen[code], widget=forms.RadioSelect
                )

    def rows(self) -> Iterator[tuple[Any, Any]]:
        """(kind, its field or None where it is required), in the order of the table."""
        for code, kind in KINDS.items():
            yield kind, self[code] if code in self.fields else None


class AccessTokenForm(forms.Form):
    """A new access token."""

    name = forms.CharField(label=_("用途"), max_length=60, help_text=_("例如“某某公司申报系统”。"))
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(), label=_("限于单位"), required=False, empty_label=_("不限，我能办理的都可以"),
        help_text=_("选定后，令牌只能查看和办理该单位的案卷。"),
    )  # fmt: skip
    scopes = forms.MultipleChoiceField(label=_("范围"), widget=forms.CheckboxSelectMultiple)
    days = forms.TypedChoiceField(label=_("有效期"), choices=DAYS, coerce=int, initial=90)
    required_css_class = "required"

    def __init__(self, user: User, data: Any = None) -> None:
        super().__init__(data)
        self.fields["organisation"].queryset = Organisation.objects.filter(pk__in=memberships_of(user)).order_by("name")
        # Who acts for a unit is neither officer nor expert: that scope would open nothing.
        offered = [code for code in access.SCOPES if code != access.HANDLE or not memberships_of(user)]
        told = {code: f"{gettext(label)}：{gettext(detail)}" for code, (label, detail) in access.SCOPES.items()}
        self.fields["scopes"].choices = [(code, told[code]) for code in offered]


class NotificationFilter(forms.Form):
    """Which messages to show; nonsense shows all."""

    show = forms.ChoiceField(label=_("显示"), required=False, choices=(("", _("全部")), ("unread", _("只看未读"))))
    kind = forms.ChoiceField(label=_("类别"), required=False)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        kinds = [(code, gettext(kind.label)) for code, kind in KINDS.items()]
        self.fields["kind"].choices = [("", gettext("全部类别")), *kinds]
