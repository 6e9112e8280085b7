"""What the pages of the pool take; what is legal is decided in ``calls``, ``admitting`` and ``standing``."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from communities.forms import districts
from experts import declaring, facts
from experts.admitting import PROOF_KINDS, fields_of
from experts.calls import CALL_FIELDS, CHANGEABLE
from experts.models import Admission, AdmissionProof, Call, Field
from experts.workflow import ADMISSION_STATES, EXPERT_STATES
from portal.files import accept_attribute
from portal.problems import Refused


class _Rows(forms.ModelForm):
    """Fields made from the columns. The row is written by the domain, never through the form."""

    def validate_unique(self) -> None:
        """The domain tells what is taken."""

    def validate_constraints(self) -> None:
        """As ``validate_unique``."""

    def _post_clean(self) -> None:
        """Nothing is put on the instance."""


class PoolFilter(forms.Form):
    """Words, a field and a state."""

    q = forms.CharField(label=_("姓名、编号或工作单位"), max_length=60, required=False)
    field = forms.ChoiceField(label=_("专业"), required=False)
    state = forms.ChoiceField(label=_("状态"), required=False)

    def __init__(self, data: object) -> None:
        super().__init__(data)
        self.fields["field"].choices = [("", _("全部")), *Field.objects.values_list("code", "name")]
        self.fields["state"].choices = [("", _("全部")), *EXPERT_STATES.items()]


class CallForm(_Rows):
    class Meta:
        model = Call
        fields = CALL_FIELDS
        widgets = {
            "conditions": forms.Textarea(attrs={"rows": 8}),
            **{name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("opens_on", "closes_on")},
        }
        help_texts = {
            "conditions": _(
                "学历、职称、从业年限等要求，以及报送方式；发布后向社会公开，截止前可以变更，此前的版本仍公开。"
            ),
            "closes_on": _("当天仍可提交。"),
        }


class CallChangeForm(_Rows):
    """Another last day or other conditions of a call that runs, and why. What is legal is decided in ``calls``."""

    reason = forms.CharField(label=_("变更理由"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1, max_value=32767)

    class Meta:
        model = Call
        fields = CHANGEABLE
        widgets = {name: CallForm.Meta.widgets[name] for name in CHANGEABLE}
        help_texts = {"closes_on": _("只能延后。已经开始填写的申请随之延长。")}

    def __init__(self, data: Any = None, *, instance: Call) -> None:
        super().__init__(data, instance=instance, initial={"version": instance.version})
        for name in CHANGEABLE:
            self.fields[name].required = False
        self.order_fields(["closes_on", "conditions", "reason"])


class AdmissionForm(_Rows):
    """Everything somebody says to enter, or the statement alone to stay. Nothing is required to keep a draft."""

    class Meta:
        model = Admission
        fields = (
            "education", "title", "experience_years", "fields", "employer", "employer_code", "district", "statement",
        )  # fmt: skip
        help_texts = {
            "education": _("最高学历和专业，如：硕士研究生（通信工程）。"),
            "title": _("如：高级工程师。"),
            "experience_years": _("从事所申报专业的年数。"),
        }

    def __init__(self, data: Any = None, *, instance: Admission) -> None:
        super().__init__(data, instance=instance)
        for name in set(self.fields) - set(fields_of(instance)):
            del self.fields[name]
        if "fields" in self.fields:
            self._ask_to_enter(instance)
        else:
            self.fields["statement"].label = _("聘期内的履职情况和续聘理由")

    def _ask_to_enter(self, instance: Admission) -> None:
        self.fields["district"].queryset = districts()
        self.fields["district"].empty_label = _("请选择")
        self.fields["district"].required = False
        # Typed as it stands on paper, possibly full-width or with spaces: the domain normalises, then judges.
        self.fields["employer_code"] = forms.CharField(
            label=_("工作单位统一社会信用代码"), max_length=40, required=False, initial=instance.employer_code,
            help_text=_("18 位，见营业执照或登记证书；填写后会核对校验位。没有信用代码的单位无法核对回避。"),
        )  # fmt: skip
        most = instance.call.fields_at_most if instance.call else Field.objects.count()
        self.fields["fields"] = forms.ModelMultipleChoiceField(
            Field.objects.all(), label=_("专业"), required=False, widget=forms.CheckboxSelectMultiple,
            help_text=_("最多选 %(most)s 个。") % {"most": most},
        )  # fmt: skip
        self.fields["statement"].help_text = _("主要业绩、参加过的评审等，可以不填。")
        self.order_fields(self.Meta.fields)


class ProofForm(forms.Form):
    """One paper and what it proves."""

    proves = forms.ChoiceField(label=_("证明事项"), choices=AdmissionProof.Proves.choices)
    file = forms.FileField(
        label=_("文件"),
        help_text=_("PDF 或照片。"),
        widget=forms.ClearableFileInput(attrs={"accept": accept_attribute(PROOF_KINDS)}),
    )


class FieldsForm(forms.Form):
    """Other fields for an expert, with the reason."""

    reason = forms.CharField(label=_("理由"), max_length=500)

    def __init__(self, data: object = None, *, fields: Any = ()) -> None:
        super().__init__(data)
        self.fields["fields"] = forms.ModelMultipleChoiceField(
            Field.objects.all(), label=_("专业"), required=False, widget=forms.CheckboxSelectMultiple, initial=fields
        )
        self.order_fields(["fields", "reason"])


class AdmissionFilter(forms.Form):
    """Words, state and call."""

    q = forms.CharField(label=_("姓名或工作单位"), max_length=60, required=False)
    state = forms.ChoiceField(label=_("状态"), required=False)

    def __init__(self, data: object) -> None:
        super().__init__(data)
        shown = [(code, label) for code, label in ADMISSION_STATES.items() if code != "draft"]
        self.fields["state"].choices = [("", _("全部")), *shown]


class _PartyForm(forms.Form):
    """A party that is typed. Where it is not one unit for sure, those that may be meant are offered to choose from."""

    def __init__(self, data: Any = None, **more: Any) -> None:
        super().__init__(data, **more)
        typed = str(data.get("party") or "") if data else ""
        units = facts.offers(typed) if typed and not _is_one_party(typed) else []
        if units:
            choices = [(code, f"{name}（{code}）") for code, name in units]
            self.fields["unit"] = forms.ChoiceField(
                label=_("请选择是哪一家"), choices=choices, required=False, widget=forms.RadioSelect,
                help_text=_("没有列出的，请多填几个字或填写信用代码。") if len(units) == facts.OFFERED else "",
            )  # fmt: skip
            self.order_fields(["party", "unit"])

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if chosen := said.pop("unit", ""):
            said["party"] = chosen
        return said


def _is_one_party(typed: str) -> bool:
    try:
        facts.party_of(typed)
    except Refused:
        return False
    return True


class PinForm(_PartyForm):
    """What an officer decides about an expert and a party."""

    party = forms.CharField(
        label=_("当事单位"), max_length=120, required=False,
        help_text=_("统一社会信用代码，或已注册单位的名称；只填一部分的，提交后列出可选的单位。"),
    )  # fmt: skip
    verdict = forms.ChoiceField(
        label=_("核定结果"),
        choices=((facts.CONFLICT, _("须回避该单位的案件")), (facts.NONE, _("不必回避"))),
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(label=_("理由"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class LiftForm(forms.Form):
    """Why a decision is taken back."""

    reason = forms.CharField(label=_("理由"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


def _day(label: Any, help_text: Any = "") -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


class EmploymentForm(forms.Form):
    """Where an expert worked, or that there was no employment."""

    name = forms.CharField(label=_("单位名称"), max_length=120, required=False)
    credit_code = forms.CharField(
        label=_("统一社会信用代码"), max_length=40, required=False,
        help_text=_("知道的请填写，按代码核对最准确；不知道的可以不填，由管理员按名称核定。"),
    )  # fmt: skip
    post = forms.CharField(label=_("职务"), max_length=60, required=False)
    since = _day(_("起"))
    until = _day(_("止"), _("仍在任职的不填。"))
    none = forms.BooleanField(label=_("这段时间没有任职"), required=False)


class TieForm(_PartyForm):
    """What ties an expert to an organisation."""

    party = forms.CharField(
        label=_("单位"), max_length=120, required=False,
        help_text=_("统一社会信用代码，或已注册单位的名称；只填一部分的，提交后列出可选的单位。"),
    )  # fmt: skip
    reason = forms.ChoiceField(
        label=_("关系"), choices=[(code.value, code.label) for code in declaring.DECLARABLE], widget=forms.RadioSelect
    )
    since = _day(_("起"), _("不记得的可以不填。"))
    until = _day(_("止"), _("关系仍在的不填。"))
    note = forms.CharField(label=_("说明"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class EndForm(forms.Form):
    """Until when a declared fact held."""

    until = _day(_("结束日期"), _("结束后的三年内仍须回避。"))


CHANGE_FORMS = {"end": EndForm, "correct": LiftForm}
