"""What the browser tests find in the portal, and what they ask its database: called in a process of the portal.

Every function takes and gives what JSON can hold. Nobody here does by hand what a page under test should do.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from communities.models import District
from evaluation import configuration
from evaluation.models import Application, Assignment
from portal import tasks
from portal.demo import history, names, people, pool, scenes, world
from portal.demo.world import Live
from portal.models import Sequence

SEED = 1
SCALE = 0.06  # of the past and of the pool
# One case at every place whose pages are looked at; the journey brings its own.
LIVE = (
    Live("draft", 2, scene=scenes.begin_draft),
    Live("form_check", 2, unit=1),
    Live("correction", 6),
    Live("drawing", 1, unit=1, advised=True),
    Live("inviting", 1, unit=2, scene=scenes.one_declines),
    Live("review", 9, advised=True, scene=scenes.marks_begun),
    Live("deliberation", 3, unit=1),
    Live("approval", 4, unit=1, level=3),
    Live("certified", 20, unit=1, scene=scenes.guidance_begun),
    Live("site_visit", 3, "completion", level=3, advised=True),
    Live("notice", 7, "completion", unit=2, scene=scenes.objection_made),
)


def build() -> None:
    """Officers, a pool, some past certificates, units, and one case at every place that is looked at."""
    configuration.load()
    with tasks.silence(), transaction.atomic():
        districts = list(District.objects.filter(valid_until=None))
        Sequence.objects.create(name=world.COUNTER, value=0)
        people.make_officers(districts)
        pool.make_experts(districts, names.chance(SEED, "pool"), *world.pool_size(SCALE))
        history.make(districts, names.chance(SEED, "history"), SCALE)
        world.make_live(districts, SEED, LIVE, lambda line: None)
        world.consider_told()
