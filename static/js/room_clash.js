// Two versions of one item beside each other in the scoring room, and which of them this person keeps.
// Hides: which version is this window's own, and the words for where the other one was written.

import { stampOf } from "./marks_queue.js";

const box = () => document.getElementById("clash");

// This window's version is the one that it has typed, wherever it stands in the record.
function sidesOf(record, own) {
  const first = { ...record.fields, stamp: record.stamp };
  const mine = [first, record.other, ...(record.further ?? [])].find((one) => stampOf(one) && one.stamp === own);
  return mine && mine !== first ? [mine, first] : [first, record.other];
}

// own: the stamp of what this window typed last of the item; words: the sentences of the room.
export function showVersions(record, own, words) {
  const clash = box();
  const [mine, other] = sidesOf(record, own);
  for (const [side, fields] of [["mine", mine], ["other", other]]) {
    const list = clash.querySelector(`[data-side=${side}]`);
    list.replaceChildren(clash.querySelector("template").content.cloneNode(true));
    list.querySelector("[data-part=value]").textContent = fields.words;
    for (const name of ["reason", "private_note"]) list.querySelector(`[data-part=${name}]`).textContent = fields[name] || "—";
    clash.querySelector(`[data-keep=${side}]`).dataset.stamp = stampOf(fields);
  }
  clash.querySelector("[data-other-words]").textContent = other.saved ? words.otherSaved : words.otherWindow;
  clash.querySelector("[data-keep=other]").textContent = other.saved ? words.keepSaved : words.keepOther;
  clash.hidden = false;
  // Whoever is writing goes on: the next space would choose.
  if (!document.activeElement.matches("textarea, [type=number]")) clash.querySelector("[data-keep=mine]").focus();
}

export const hideVersions = (hidden = true) => {
  box().hidden = hidden;
};

export const areVersionsShown = () => !box().hidden;

// The stamps of the version that is kept and of the one that is given up.
export function stampsOfChoice(mine) {
  const sides = mine ? ["mine", "other"] : ["other", "mine"];
  return sides.map((side) => box().querySelector(`[data-keep=${side}]`).dataset.stamp);
}
