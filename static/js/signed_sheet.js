// Once a sheet is signed, nothing of its scoring room stays in this browser: neither its pages nor what was typed there.

import { person } from "./drafts.js";
import { forgetPages, forgetSeat } from "./marks_queue.js";

const ROOM = location.pathname.replace(/sheet\/$/, "scoring/");

forgetPages(ROOM);
forgetSeat(person, Number(ROOM.match(/\d+/)[0]));
navigator.serviceWorker?.getRegistration(ROOM).then((registration) => registration?.unregister());
