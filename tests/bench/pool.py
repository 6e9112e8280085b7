"""A pool of 2,000 experts with 20,000 facts for which they are kept off cases, and the draw of a panel from it.

What is measured: everything between the press of the button and the panel, but for writing it down. The pool is read,
conflicts are found, it is frozen under salted hashes with its commitment, and the panel is drawn.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

from django.utils import timezone

from communities.models import District
from evaluation import drawing
from evaluation.models import Application
from experts import draw as lots
from experts.models import Expert, Field, Recusal
from portal.demo import names, people
from portal.models import User

EXPERTS, FACTS_EACH, EMPLOYERS = 2_000, 10, 900
SALT, ORGANISERS, SUPERVISORS = (sha256(name.encode()).hexdigest() for name in ("salt", "organiser", "supervisor"))


def fill(application: Application) -> None:
    """Add experts until there are ``EXPERTS``, each with conflicts with ten units; one in fifty with this applicant."""
    wanted = EXPERTS - Expert.objects.count()
    random, today = names.chance("bench", "pool"), timezone.localdate()
    districts, fields = list(District.objects.all()), list(Field.objects.all())
    users = User.objects.bulk_create(people.user(f"pool-{number}", f"示例专家{number}") for number in range(wanted))
    experts = Expert.objects.bulk_create(
        Expert(
            user=user, number=f"BENCH-{number:04d}", employer=f"示例单位{number % EMPLOYERS}",
            employer_code=names.code("500101", "W", number % EMPLOYERS), district=districts[number % len(districts)],
            term_from=today - timedelta(days=90), term_until=today + timedelta(days=900), state="serving",
        )
        for number, user in enumerate(users)
    )  # fmt: skip
    through = Expert.fields.through
    through.objects.bulk_create(
        through(expert_id=expert.pk, field_id=field.pk) for expert in experts for field in random.sample(fields, 2)
    )
    own = application.project.organisation.credit_code
    Recusal.objects.bulk_create(
        Recusal(
            expert=expert, reason=Recusal.Reason.KINSHIP, declared_by=expert.user,
            party_code=own if number % 50 == 0 and fact == 0 else names.code("500102", "Y", number * FACTS_EACH + fact),
        )
        for number, expert in enumerate(experts)
        for fact in range(FACTS_EACH)
    )  # fmt: skip


def draw(application: Application) -> lots.Panel:
    """A panel of this case from the pool as it is now."""
    frozen = drawing.frozen_pool(application, SALT)
    return lots.draw(frozen, ORGANISERS, SUPERVISORS)
