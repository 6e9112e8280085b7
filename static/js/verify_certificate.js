// Verifies the seal of a certificate or of a confirmation of an incentive in the browser, also from a saved file without a line: docs/certificate.md tells the
// format, docs/verify_certificate.py and evaluation/seals.py say the same of the test vectors. No request is ever made.

import { hashes, verify as isSignedBy } from "../vendor/noble-ed25519/index.js";
import { sha256, sha512 } from "../vendor/noble-hashes/sha2.js";
import { bytesToHex, hexToBytes, utf8ToBytes } from "../vendor/noble-hashes/utils.js";

hashes.sha512 = sha512;

const FIELDS = {
  v1: [
    "version", "number", "community", "level", "level_name", "stage", "is_final", "standard_sha256", "issued_on",
    "valid_until", "key",
  ],
  i1: [
    "version", "number", "community", "level", "level_name", "incentive", "organisation", "credit_code", "value",
    "certificate", "issued_on", "valid_until", "key",
  ],
};
const LONGEST = 4000;

/** The bytes behind base64url without padding; throws for any other spelling. */
function decode(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const spelled = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (spelled !== text) throw new Error("another spelling");
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

/** The one way to write a JSON value: sorted keys, no spaces. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const parts = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${parts.join(",")}}`;
}

/** Whether the key signed these bytes, as RFC 8032 wants it. */
function signed(key, message, signature) {
  return signature.length === 64 && isSignedBy(signature, message, key.bytes, { zip215: false });
}

const inUse = (key, day) => key.retired === null || day <= key.retired;

function listIsRight(ended, keys) {
  const { signature, ...rest } = ended;
  const key = keys.get(rest.key);
  const known = key !== undefined && rest.format === "certificate-revocations-1" && inUse(key, rest.day);
  return known && signed(key, utf8ToBytes(canonical(rest)), decode(signature));
}

/** Fields of a seal, the bytes that were signed and the signature; throws where it is none. */
function read(parts, fields) {
  const [payload, signature] = parts.map(decode);
  const said = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload));
  if (!Array.isArray(said) || said.length !== fields.length) throw new Error("not the fields of a seal");
  return { values: Object.fromEntries(fields.map((name, at) => [name, said[at]])), payload, signature };
}

/** Public keys by their ids. */
function keysOf(file) {
  return new Map(
    file.keys.map((row) => {
      const bytes = hexToBytes(row.public_key);
      return [bytesToHex(sha256(bytes)).slice(0, 16), { bytes, retired: row.retired }];
    }),
  );
}

/**
 * What a code (the whole text of the QR, or the seal alone) is worth on ``day`` (ISO text), by the published file of
 * keys and the list of certificates that ended, or null. Returns code, values, since and listedOn.
 */
export function verify(text, keyFile, ended, day) {
  const verdict = (code, values = {}, since = "", listedOn = "") => ({ code, values, since, listedOn });
  const keys = keysOf(keyFile);
  const whole = text.replace(/[ \t\r\n]+/g, "");
  const at = whole.lastIndexOf("#");
  const address = at < 0 ? "" : whole.slice(0, at);
  const [version, ...parts] = whole.slice(at + 1).split(".");
  if (Array.from(text).length > LONGEST || !Object.hasOwn(FIELDS, version) || parts.length !== 2) return verdict("unreadable");
  let values, key;
  try {
    const sealed = read(parts, FIELDS[version]);
    values = sealed.values;
    key = keys.get(values.key);
    if (key === undefined) return verdict("wrong_key");
    if (!signed(key, sealed.payload, sealed.signature)) return verdict("altered");
  } catch {
    return verdict("altered");
  }
  const another = address !== "" && address.replace(/\/+$/, "").split("/").at(-1) !== values.number;
  if (another) return verdict("altered");
  if (!inUse(key, values.issued_on)) return verdict("wrong_key");
  const otherwise = values.valid_until < day ? ["expired", values.valid_until] : ["valid", ""];
  if (ended === null) return verdict(otherwise[0], values, otherwise[1]);
  try {
    if (!listIsRight(ended, keys)) return verdict("list_altered");
  } catch {
    return verdict("list_altered");
  }
  const known = new Map(Object.entries({ ...ended.certificates, ...ended.incentives }));
  const [standing, since] = known.get(values.number) ?? otherwise;
  return verdict(standing, values, since, ended.day);
}
