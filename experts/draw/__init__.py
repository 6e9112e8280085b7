"""The draw of experts for a review panel: frozen pool, shared seed, drawn order, quotas, and a receipt to re-run it.

Plain Python without a clock or any randomness of its own: the same inputs always give the same panel. What the parts
hide: ``pool`` the frozen document, ``freezing`` who is left out, ``matching`` whether seats can be filled, ``shortage``
the words for when they cannot, ``seating`` how lots become a panel, ``receipts`` what the public can run again,
``inspection`` whom an inspection visits.

The protocol, and why nobody can steer it alone
    1. The organiser freezes the pool and publishes its commitment. Pool, exclusions, loads and rules are now fixed.
    2. Organiser and supervisor each make a secret and publish its hash. Neither knows the other's, and neither can
       change the own one any more.
    3. Where the rules name a public source (a lottery number of tomorrow), both wait for its value; then not even the
       two together can choose the outcome.
    4. Both reveal. The seed is the hash of commitment, secrets and public value; panel and substitutes follow from it.
    A party that refuses to reveal stops the draw, visibly; it cannot bend it.

Declines
    A decline is an input like the others: the same orders are walked on with the declined experts removed. It is never
    a new draw. Seats that were not declined never change.

Inspections
    Which certified communities are inspected in a year is drawn by the same protocol (``inspection``): a frozen list, two
    secrets, one seed, a lot for each number; its receipt is verified by the same programs.
"""

from experts.draw.freezing import exclusions, freeze
from experts.draw.matching import OPEN
from experts.draw.pool import EXCLUSIONS, Candidate, Frozen, Rules
from experts.draw.receipts import canonical_bytes, open_identities, receipt, verify, verify_bytes
from experts.draw.seating import (
    PASSED,
    Panel,
    Passed,
    Round,
    Seat,
    draw,
    problem_of_hash,
    problem_of_secret,
    replay,
    secret_hash,
    substitute,
)

__all__ = [
    "EXCLUSIONS",
    "OPEN",
    "PASSED",
    "Candidate",
    "Frozen",
    "Panel",
    "Passed",
    "Round",
    "Rules",
    "Seat",
    "canonical_bytes",
    "draw",
    "exclusions",
    "freeze",
    "open_identities",
    "problem_of_hash",
    "problem_of_secret",
    "receipt",
    "replay",
    "secret_hash",
    "substitute",
    "verify",
    "verify_bytes",
]
