"""Certificates issued at the same moment bear different numbers, and of two who write a form one is told of the other."""

from __future__ import annotations

from functools import partial

import pytest
from django.db import transaction
from pypdf import PdfReader

from evaluation import certificate_forms, certificate_numbers, configuration, outcome, sealing, seals
from evaluation.models import Application, Certificate, CertificateForm
from portal import tasks
from portal.models import Event
from tests.at_once import at_once
from tests.evaluation import published
from tests.evaluation.officers import officer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
CASE = ("smart_community", "completion")


def test_numbers_taken_at_once_are_different_and_have_no_gaps():
    configuration.load()
    form = certificate_forms.in_force(*CASE)

    def take():
        found = []
        for _time in range(5):
            with transaction.atomic():
                found.append(certificate_numbers.next_number(form, published.today()))
        return found

    numbers = [number for found in at_once(*[take] * 4) for number in found]
    assert sorted(numbers) == [f"CQ-ZHXQ-X-{published.today().year}-{number:05d}" for number in range(1, 21)]


def test_a_season_worked_by_several_at_once_gives_each_case_one_certificate():
    cases = [published.judged(f"示例{number}小区", number=number, state="certifying").pk for number in range(1, 7)]
    work = [partial(tasks.advance, "application", pk) for pk in cases]
    for turn in (work[:3] + work[:3], work[3:] + work[3:]):
        assert at_once(*turn) == [None] * 6
    made = Certificate.objects.order_by("number")
    assert [row.number[-5:] for row in made] == [f"{number:05d}" for number in range(1, 7)]
    assert {row.application_id for row in made} == set(cases)
    keys = seals.read_keys(sealing.keys_document())
    for row in made:  # what is printed is what is sealed
        with row.file.open() as kept:
            assert row.number in PdfReader(kept).pages[0].extract_text()
        assert seals.verify(row.seal, keys, None, published.today()).values["number"] == row.number
    assert set(Application.objects.values_list("state", flat=True)) == {"certified"}
    assert Event.objects.filter(verb="application.certify").count() == 6


def test_a_worker_killed_before_it_commits_leaves_neither_number_nor_certificate():
    application = published.judged(state="certifying")

    def killed():
        with transaction.atomic():
            outcome.issue_certificate(application, published.today())
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        killed()
    assert Certificate.objects.count() == 0
    assert outcome.issue_certificate(application, published.today()).number.endswith("-00001")


def test_of_two_versions_written_at_once_one_is_kept():
    configuration.load()
    person = officer("security_administrator")
    words = certificate_forms.words_of(certificate_forms.in_force(*CASE))
    outcomes = at_once(*[lambda: certificate_forms.write(person, *CASE, words, "示例", 1)] * 2)
    assert sorted(type(found).__name__ for found in outcomes) == ["CertificateForm", "Changed"]
    assert list(CertificateForm.objects.filter(stage="completion").values_list("number", flat=True)) == [1, 2]
