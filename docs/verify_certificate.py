"""核验证书和激励确认书：不联网，用已发布的公钥（和撤销名单）核对二维码里的签名。只需 Python 3.11。格式见 certificate.md
Verify a certificate or a confirmation without the network. Exit code 0 valid, 1 not valid, 2 nothing could be verified.
用法 Usage: python3 verify_certificate.py '二维码内容 text of the QR code' issuer-keys.json [revocations.json]"""

import base64
import datetime
import json
import pathlib
import re
import sys
from hashlib import sha256, sha512

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519 as in RFC 8032, section 5.1
D, ROOT, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), b"X" + b"f" * 31
OWN = {"v1": "stage is_final standard_sha256", "i1": "incentive organisation credit_code value certificate"}
ERRORS = (AttributeError, LookupError, RecursionError, TypeError, ValueError)


def point(data):
    y, sign = int.from_bytes(data, "little") % 2**255, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x * ROOT % P if (x * x - square) % P else x
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point of the curve")
    return (P - x if x % 2 != sign else x, y)


def add(one, other):
    (a, b), (c, d) = one, other
    part = D * a * b * c * d % P
    return ((a * d + b * c) * pow(1 + part, -1, P) % P, (b * d + a * c) * pow(1 - part, -1, P) % P)


def times(number, base):
    return add(times(number // 2, add(base, base)), base if number % 2 else (0, 1)) if number else (0, 1)


def signed(public, message, signature):
    parts = signature[32:], sha512(signature[:32] + public + message).digest()
    scalar, number = (int.from_bytes(part, "little") for part in parts)
    possible = len(signature) == 64 and scalar < L
    return possible and times(scalar, point(BASE)) == add(point(signature[:32]), times(number % L, point(public)))


def decode(text):
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return {base64.urlsafe_b64encode(data).rstrip(b"=").decode(): data}[text]  # KeyError: another spelling


def list_is_right(ended, keys):
    rest = {name: value for name, value in ended.items() if name != "signature"}
    message = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    public, retired = keys[rest["key"]] if rest["format"] == "certificate-revocations-1" else (b"", "")
    return (retired is None or rest["day"] <= retired) and signed(public, message, decode(ended["signature"]))


def verify(text, keys, ended, day):
    """Verdict, values of the seal, day on which it ended. keys, ended (or None): the published files; day: ISO text."""
    keys = {sha256(p := bytes.fromhex(r["public_key"])).hexdigest()[:16]: (p, r["retired"]) for r in keys["keys"]}
    address, _, seal = re.sub(r"[ \t\r\n]+", "", text).rpartition("#")
    version, *parts = seal.split(".")
    if len(text) > 4000 or version not in OWN or len(parts) != 2:
        return "unreadable", {}, ""
    code = "altered"
    try:
        payload, signature = map(decode, parts)
        fields = f"version number community level level_name {OWN[version]} issued_on valid_until key".split()
        values = dict(zip(fields, json.loads(payload.decode(), parse_constant=int), strict=True))
        public, retired = keys.get(str(values["key"]), (None, ""))
        another = address and address.rstrip("/").split("/")[-1] != values["number"]
        if public and (another or not signed(public, payload, signature)):
            return code, {}, ""
        if public is None or retired is not None and values["issued_on"] > retired:
            return "wrong_key", {}, ""
        code = "list_altered"
        if ended is not None and not list_is_right(ended, keys):
            return code, {}, ""
    except ERRORS:
        return code, {}, ""
    otherwise = ("expired", values["valid_until"]) if values["valid_until"] < day else ("valid", "")
    known = {**ended["certificates"], **ended.get("incentives", {})} if ended else {}
    standing, since = known.get(values["number"], otherwise)
    return standing, values, since


WORDS = """valid=有效 expired=已过期 revoked=已撤销 superseded=已被新证书取代 reversed=已撤回 altered=签名不符，内容被改动
wrong_key=不是本机构的密钥签发 list_altered=撤销名单被改动 unreadable=不是证书或确认书的二维码"""
if __name__ == "__main__":
    try:
        files = [json.loads(pathlib.Path(name).read_bytes()) for name in sys.argv[2:4]]
        code, values, since = verify(sys.argv[1], files[0], files[1] if files[1:] else None, f"{datetime.date.today()}")
    except (IndexError, OSError, *ERRORS) as error:
        print(__doc__, f"不能核验 cannot verify: {error!r}", sep="\n")
        sys.exit(2)
    said = {**values, "撤销名单截至 list of": files[1]["day"] if files[1:] else "—"}
    word = dict(re.findall(r"(\w+)=(\S+)", WORDS))[code]
    print(word, code.upper(), since, *(f"\n{key}: {said[key]}" for key in said))
    sys.exit(0 if code == "valid" else 1)
