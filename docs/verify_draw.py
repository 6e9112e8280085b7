"""核验专家抽取、抽查的凭证：按凭证重新抽取，逐项比对。用法：python3 verify_draw.py 凭证.json（只需 Python 3.11，不联网）
Verify the receipt of a draw of experts or of an inspection: draw again, compare every part. Exit 0 right, 1 wrong."""

import hashlib
import hmac
import json
import re
import sys

PARTIES = ("organiser", "supervisor")
text = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def sha256(value):
    return hashlib.sha256(value.encode()).hexdigest()


class Draw:  # each empty seat takes the first in its order after whom all others can be filled and somebody can lead
    def __init__(self, rules, everybody, seed):
        people = {person["id"]: person for person in everybody if person["excluded"] is None}
        self.people, self.gone, home = people, set(), rules["leader_not_from_district"]
        self.lead = {key for key, person in people.items() if person["can_lead"] and person["district"] != home}
        lists = {field: [key for key in people if field in people[key]["fields"]] for field in rules["seats"]}
        lists |= {"*": people, "*leader": self.lead}
        self.orders = {name: self.order(name, keys, seed, rules["load_band"]) for name, keys in lists.items()}
        self.limit, size, fields = rules["max_per_employer"], rules["size"], rules["seats"].items()
        self.kinds = (sorted(field for field, seats in fields for _ in range(seats)) + ["*"] * size)[:size]

    def order(self, name, keys, seed, band):
        lots = {key: hmac.digest(bytes.fromhex(seed), f"{name}\0{key}".encode(), "sha256") for key in keys}
        return sorted(lots, key=lambda k: (name != "*leader" and band and self.people[k]["load"] // band, lots[k]))

    def free(self, kind, seated):
        units, spent = [self.people[key]["employer"] for key in seated], self.gone.union(seated)
        full = {unit for unit in units if units.count(unit) >= self.limit}
        return [k for k in self.orders[kind] if k not in spent and self.people[k]["employer"] not in full]

    def can_fill(self, kinds, seated):
        led = not self.lead.isdisjoint(seated)  # first seat a leader, then search where the fewest people are left
        tries = [(n, [k for k in self.free(kind, seated) if led or k in self.lead]) for n, kind in enumerate(kinds)]
        tries = sorted(tries, key=lambda each: len(each[1]))[: 1 if led else None]
        deeper = (self.can_fill(kinds[:n] + kinds[n + 1 :], [*seated, key]) for n, keys in tries for key in keys)
        return any(deeper) if kinds else led

    def fill(self, panel):
        for seat, kind in enumerate(self.kinds):
            if panel[seat] is None:
                seated = [key for key in panel if key]
                later = [self.kinds[n] for n in range(seat + 1, len(panel)) if panel[n] is None]
                panel[seat] = next(key for key in self.free(kind, seated) if self.can_fill(later, [*seated, key]))
        return panel

    def rounds(self, declines):
        panel, leader, rounds = [None] * len(self.kinds), None, []
        for declined in [[], *declines]:
            if rounds and not (declined and declined == sorted(set(declined)) and set(declined) <= set(panel)):
                raise ValueError("only who sits on the panel can decline")
            self.gone.update(declined)
            panel = self.fill([None if key in self.gone else key for key in panel])
            leader = leader if leader in panel else next(key for key in self.orders["*leader"] if key in panel)
            seats = [{"field": kind, "id": k, "leader": k == leader} for kind, k in zip(self.kinds, panel, strict=True)]
            rounds.append({"declined": declined, "seats": seats})
        return rounds


def lawful_pool(pool):
    """Rules that can be met, nobody twice, nobody drawable whom they forbid."""
    rules, people = pool["rules"], pool["candidates"]
    ids, drawable = [p["id"] for p in people], [p for p in people if p["excluded"] is None]
    right = rules["size"] in range(3, 100, 2) and sum(rules["seats"].values()) <= rules["size"]
    right = right and rules["load_band"] >= 0 and ids == sorted(set(ids))
    return right and all(p["employer"] and p["fields"] and 0 <= p["load"] < rules["max_load"] for p in drawable)


def seat(pool, old, seed):
    draw = Draw(pool["rules"], pool["candidates"], seed)
    return {"orders": draw.orders, "rounds": draw.rounds([each["declined"] for each in old["rounds"][1:]])}


def lawful_list(old):  # of an inspection: nobody twice, a share in whole percent
    share, source = old["rules"]["share"], old["rules"]["public_source"]
    new = {"rules": {"version": "1", "share": share, "public_source": source}, "numbers": sorted(set(old["numbers"]))}
    right = {"format": "inspection-draw-list-1", "subject": "" + old["subject"], **new} == old and "".join(
        new["numbers"]
    )
    return right and type(share) is int and 1 <= share <= 100 and (source is None or "" + source == source)


def visit(frozen, _old, seed):  # the smallest lots: their share of all, rounded up
    lots = {n: hmac.digest(bytes.fromhex(seed), f"inspection\0{n}".encode(), "sha256") for n in frozen["numbers"]}
    order = sorted(lots, key=lots.get)
    return {"order": order, "drawn": order[: -(-len(order) * frozen["rules"]["share"] // 100)]}


KINDS = {
    "expert-draw-receipt-1": ("pool", lawful_pool, seat),
    "inspection-draw-receipt-1": ("list", lawful_list, visit),
}


def verify(data):
    """Return the parts of a receipt file that are wrong; none if it is right."""
    try:
        old = json.loads(data)
        part, lawful, drawn = KINDS[old["format"]]
        frozen, value, secrets = old[part], old["public_value"], [old[party]["secret"] for party in PARTIES]
        right = value != "" and (value is None) == (frozen["rules"]["public_source"] is None) and lawful(frozen)
        if not right or secrets[0] == secrets[1] or not all(re.fullmatch("[0-9a-f]{64}", each) for each in secrets):
            return ["规则、密值或公开数值 rules, secrets or public value"]
        new = {"format": old["format"], part: frozen, "commitment": sha256(text(frozen)), "public_value": value}
        new |= {party: {"secret": each, "sha256": sha256(each)} for party, each in zip(PARTIES, secrets, strict=True)}
        new["seed"] = sha256("\n".join([new["commitment"], *secrets, "" if value is None else value]))
        new |= drawn(frozen, old, new["seed"])
        new["sha256"] = sha256(text(new))
        wrong = [part for part in {*new, *old} if part not in new or text(new[part]) != text(old.get(part))]
        return sorted(wrong) + ["文件写法 bytes of the file"] * (data != (text(old) + "\n").encode())
    except Exception as error:  # whatever it is, it is no receipt
        return [f"凭证格式 form of the receipt: {error!r}"]


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        found = verify(file.read())
    print(*(f"不符 differs: {part}" for part in found), "核验不通过。 WRONG" if found else "核验通过。 RIGHT", sep="\n")
    sys.exit(1 if found else 0)
