"""按结果凭证重新计算得分、总分和等级，逐项比对。用法：python3 recompute.py 凭证.json（只需 Python 3.11，不联网）
Compute points, total and level again from a decision receipt, exactly. Exit code 0 right, 1 wrong, 2 not readable."""

import hashlib
import json
import sys
from decimal import Decimal
from fractions import Fraction

FORMAT, ZERO = "decision-receipt-1", Fraction(0)  # in a receipt an exact number is written "29/3"
MOST_BYTES, MOST_ITEMS, LONGEST = 4_000_000, 500, 24  # more than any real receipt needs
text = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=str).encode


def exact(value):  # 0.15 is 15/100: a float is read through its shortest decimal text
    if type(value) not in (int, float) or len(str(value)) > LONGEST:
        raise ValueError(f"数字 number {value!s:.40}")
    return Fraction(str(value))


def worth(item, mark):  # the points of a mark, or itself where it is a word; None where it is not legal
    if mark == "na" or isinstance(mark, bool) or item["mode"] == "pass":
        return mark if (item.get("na") if mark == "na" else isinstance(mark, bool) and item["mode"] == "pass") else None
    n, points, sums = exact(mark), exact(item["points"]), {ZERO}
    if item["mode"] == "linear":
        zero, full = exact(item["linear"]["zero_at"]), exact(item["linear"]["full_at"])
        return points * min(max((n - zero) / (full - zero), ZERO), Fraction(1))
    steps = [exact(step["points"]) for step in item.get("tiers", item.get("parts", []))]
    for step in steps[:12]:  # the format allows no more parts
        sums |= {known + step for known in sums}
    legal = {"full": [points], "sum": sums, "tier": steps, "range": [n] * (2 * n % 1 == 0 <= n <= points)}
    return n if n in [0, *legal[item["mode"]]] else None


def problems_of(items, sheets, panel):
    if len(sheets) < panel["quorum"] or panel["odd_only"] > len(sheets) % 2 or sum(s["leader"] for s in sheets) > 1:
        yield f"评分表份数或组长 number of sheets or leaders: {len(sheets)}"
    for code, mark in (pair for sheet in sheets for pair in sheet["marks"].items()):
        if code not in items or (mark is not None and worth(items[code], mark) is None):
            yield f"{code:.20} 评分不合规则 mark is not legal: {mark!s:.40}"
    yield from (f"{c} 无人评分 marked by nobody" for c in items if all(s["marks"].get(c) is None for s in sheets))


def join(item, sheets, panel):  # from the marks of all sheets to one outcome
    cast = [(sheet["leader"], mark) for sheet in sheets if (mark := sheet["marks"].get(item["code"])) is not None]
    votes = [(leader, mark) for leader, mark in cast if mark != "na"]
    row = {"kind": item["kind"], "points": None, "full": ZERO}
    if item.get("na") and 2 * (len(cast) - len(votes)) > len(cast):
        return row | {"state": "na", "by": "na"}
    if item["kind"] == "control":
        rule, n, trues = panel["control_rule"], len(votes), sum(mark is True for _, mark in votes)
        met = {"two_thirds": 3 * trues >= 2 * n, "majority": 2 * trues > n, "all": trues == n}[rule]
        return row | {"state": "met" if met else "failed", "by": rule}
    used = given = sorted(worth(item, mark) for _, mark in votes)
    by, half, lead = panel["aggregate"], len(given) // 2, [worth(item, mark) for leader, mark in votes if leader]
    if by == "median":
        used = given[half - (len(given) % 2 == 0) : half + 1]
    elif by == "trimmed_mean":
        by, used = (by, given[1:-1]) if len(given) >= panel["trim_when_at_least"] else ("mean", given)
    elif by == "consensus":
        by, used = ("leader", lead) if lead else ("mean", given)
    return row | {"state": "scored", "by": by, "points": sum(used) / len(used), "full": exact(item["points"])}


def summed(rows):
    kinds = (("won", "scored", "points"), ("applicable", "scored", "full"), ("bonus", "bonus", "points"))
    return {name: sum((row[key] or 0 for row in rows if row["kind"] == kind), ZERO) for name, kind, key in kinds}


def chapters_of(
    document, pairs, stage
):  # one with nothing applicable takes no part and leaves its weight to the others
    found, weighs = {}, document["scoring"]["method"] == "weighted_ratio"
    for chapter in document["chapters"]:
        codes = {item["code"] for section in chapter["sections"] for item in section["items"]}
        won, full, _ = summed([row for code, row in pairs if code in codes]).values()
        if full:
            weight = exact(chapter["weight"].get(stage, 0)) if weighs else None
            found[chapter["code"]] = {"won": won, "applicable": full, "ratio": 100 * won / full, "weight": weight}
    whole = sum(row["weight"] or 0 for row in found.values())
    return {code: row | {"weight": row["weight"] / whole if weighs else None} for code, row in found.items()}


def levels_of(document, total, chapters, binding):  # what the result lacks for each
    for level in document.get("levels", []):
        floor, held = exact(level.get("min_chapter", 0)), [c for c, below in binding.items() if below <= level["level"]]
        low = [code for code, row in chapters.items() if total is not None and row["ratio"] < floor]
        short = total is not None and Fraction(total) < exact(level.get("min_total", 0))
        row = {"name": level["name"], "below_total": short, "chapters": low, "items": held}
        yield level["level"], row | {"reached": not (low or held or short)}


def recount(document, given):  # what is wrong with the sheets, or stages and result as they follow from them
    scoring, panel, method = document["scoring"], document["scoring"]["panel"], document["scoring"]["method"]
    items = {i["code"]: i for chapter in document["chapters"] for part in chapter["sections"] for i in part["items"]}
    mine = {stage: {code: item for code, item in items.items() if stage in item["stages"]} for stage in given}
    shares = scoring["stage_weight"] if method == "stage_mix" and len(given) > 1 else dict.fromkeys(list(given)[:1], 1)
    digits, stages, whole = scoring.get("round", {}).get("digits", 0), {}, sum(map(exact, shares.values()))
    if len(items) > MOST_ITEMS or set(shares) != set(given) or digits not in range(7):
        raise ValueError("阶段、条目或位数 stages, items or digits")
    if problems := [line for stage in given for line in problems_of(mine[stage], given[stage]["sheets"], panel)]:
        return problems, {}
    for name, one in given.items():
        rows = {code: join(item, one["sheets"], panel) for code, item in mine[name].items()}
        share = exact(shares[name]) / whole
        stages[name] = summed(rows.values()) | {"weight": share, "sheets": one["sheets"], "items": rows}
    pairs = [pair for one in stages.values() for pair in one["items"].items()]
    chapters, raw = chapters_of(document, pairs, next(iter(given))), sum(one["bonus"] for one in stages.values())
    bonus, parts = min(raw, exact(scoring.get("bonus_cap", 0))), chapters if method == "weighted_ratio" else stages
    ratios = [] if method == "pass_all" else [100 * p["weight"] * p["won"] / p["applicable"] for p in parts.values()]
    total = sum(ratios, bonus) if ratios else None
    shown = str(Decimal((2 * total * 10**digits + 1) // 2).scaleb(-digits)) if ratios else None  # half-up
    failed, won = {c for c, row in pairs if row["state"] == "failed"}, {c for c, row in pairs if row["points"]}
    lost = failed | {code for code, row in pairs if row["points"] == 0} - won
    binding = {c: i.get("from_level", 0) for c, i in items.items() if c in failed or (c in lost and "from_level" in i)}
    levels = dict(levels_of(document, shown, chapters, binding))
    level = max((number for number, row in levels.items() if row["reached"]), default=0)
    result = {"total": shown, "exact_total": total, "bonus": bonus, "bonus_raw": raw, "level": level, "levels": levels}
    return [], {"stages": stages, "result": result | {"chapters": chapters}}


def differences(said, found, path=""):
    if isinstance(said, dict) and isinstance(found, dict):
        pairs = ((key, said.get(key, "—"), found.get(key, "—")) for key in {**found, **said})
        return [line for key, *both in pairs for line in differences(*both, f"{path} {key}")]
    return [] if text(said) == text(found) else [f"{path}: 凭证 said {text(said):.60} 重算 found {text(found):.60}"]


def verify(path):  # exit code, and what to tell of the receipt in a file
    wrong = []
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        old = json.loads(data[:MOST_BYTES])
        standard, made = old["standard"], {part: old[part] for part in old if part != "sha256"}
        for of, sha256 in ((made, old["sha256"]), (standard["document"], standard["sha256"])):
            wrong += [f"摘要 SHA-256 {sha256!s:.64}"] * (hashlib.sha256(text(of).encode()).hexdigest() != sha256)
        wrong += ["文件写法或版本 bytes or format"] * (old["format"] != FORMAT or data != f"{text(old)}\n".encode())
        problems, new = recount(standard["document"], old["stages"])
        wrong += problems or differences({part: old[part] for part in new}, json.loads(text(new)))
    except Exception as error:  # whatever it is, it is no receipt
        return (1 if wrong else 2), [*wrong, f"读不懂 not readable: {type(error).__name__} {error!s:.200}"]
    return bool(wrong), wrong or ["总分 total {total}，等级 level {level}".format(**old["result"])]


if __name__ == "__main__":
    status, lines = verify(sys.argv[-1])
    print(*lines, ("核算一致。 RIGHT", "核算不一致。 WRONG", "不是可读的凭证。 NOT READABLE")[status], sep="\n")
    sys.exit(status)
