// Uploads that go on where they were broken off (tus 1.0), one after the other.

import {Away, Problem, ask, done} from "/app/api.js";

const TUS = {"tus-resumable": "1.0.0"};
const PIECE = 4 * 1024 * 1024;
const PAUSES_S = [1, 2, 5, 10, 30];
const KEY = "cozysync-uploads";

const base64 = (text) =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));

/** What a file is known by after this page was closed: where it goes, and what the phone says of it. */
const fingerprint = (path, byDate, file) =>
  JSON.stringify([path, byDate, file.name, file.size, file.lastModified]);

function known() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) || {};
  } catch {
    return {};
  }
}

function know(print, where) {
  const all = known();
  if (where) all[print] = where;
  else delete all[print];
  localStorage.setItem(KEY, JSON.stringify(all));
}

const pause = (seconds) => new Promise((go) => setTimeout(go, seconds * 1000));

/** Send a file; tell(offset) as it goes. Returns what stands now: entry, outcome. */
export async function upload(directory, file, byDate, tell) {
  for (let number = 1; ; number += 1) {
    const path = directory.replace(/\/$/, "") + "/" + numbered(file.name, number);
    try {
      return await toTheEnd(path, file, byDate, tell);
    } catch (error) {
      if (error.code !== "exists" || byDate || number > 50) throw error;
    }
  }
}

/** Another file that bears the name keeps it: «IMG_1 (2).jpg». */
function numbered(name, number) {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  return number === 1 ? name : `${stem} (${number})${ending}`;
}

async function toTheEnd(path, file, byDate, tell) {
  const print = fingerprint(path, byDate, file);
  for (let failures = 0; ; ) {
    try {
      const where = await begun(print, path, file, byDate);
      return await send(print, where, file, (offset) => { failures = 0; tell(offset); });
    } catch (error) {
      const again = error instanceof Away || (error instanceof Problem && RETRIED.has(error.status));
      if (!again) throw error;
      tell(null);
      await pause(PAUSES_S[Math.min(failures++, PAUSES_S.length - 1)]);
    }
  }
}

const RETRIED = new Set([404, 408, 423, 429, 460, 502, 503]);

async function begun(print, path, file, byDate) {
  const where = known()[print];
  if (where && (await ask("HEAD", where, {headers: TUS})).ok) return where;
  const metadata = {path, mtime_ms: String(Math.round(file.lastModified))};
  if (byDate) metadata.place = "by-date";
  else metadata.base = "";  // a new file: never over what is there
  const answer = await done("POST", "uploads", {headers: {
    ...TUS,
    "upload-length": String(file.size),
    "upload-metadata": Object.entries(metadata).map(([k, v]) => `${k} ${base64(v)}`).join(","),
  }});
  know(print, answer.headers.get("location"));
  return answer.headers.get("location");
}

async function send(print, where, file, tell) {
  for (;;) {
    const state = await (await done("GET", where)).json();
    tell(state.offset);
    if (state.written) {
      know(print, null);
      return state.written;
    }
    const answer = await ask("PATCH", where, {
      headers: {
        ...TUS, "upload-offset": String(state.offset),
        "content-type": "application/offset+octet-stream",
      },
      body: file.slice(state.offset, state.offset + PIECE),
    });
    if (answer.ok || answer.headers.has("upload-offset")) continue;
    const {detail, remedy, code} = await answer.json();
    if (code === "exists") {
      await ask("DELETE", where, {headers: TUS});
      know(print, null);
    }
    throw Object.assign(new Problem(answer.status, detail, remedy), {code});
  }
}
